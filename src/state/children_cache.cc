#include "state/children_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "wire/jute.h"

namespace zooid::state {
namespace {

constexpr size_t kLengthBytes = 4;
// With more names to be cut out than this part of the list it is made anew when asked for.
constexpr size_t kGoneShare = 8, kGoneMin = 64;

uint32_t swapped(uint32_t value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}
uint32_t load(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return swapped(value);
}
void store(char* at, uint32_t value) {
  value = swapped(value);
  std::memcpy(at, &value, sizeof(value));
}

// Most names are told apart by this from the few that are looked for.
uint64_t bit_of(std::string_view name) {
  uint32_t end = static_cast<uint32_t>(name.size());
  for (size_t i = name.size() > 3 ? name.size() - 3 : 0; i < name.size(); ++i) {
    end = end * 31 + static_cast<unsigned char>(name[i]);
  }
  return uint64_t{1} << (end % 64);
}

}  // namespace

bool ChildrenCache::append_to(std::string& out, uint32_t node) const {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(node);
  if (at == lists_.end()) return false;
  List& list = at->second;
  if (list.gone_count > 0) {
    const size_t before = list.text.size();
    cut_out(list);
    bytes_ -= before - list.text.size();
  }
  store(list.text.data(), list.count);
  out.append(list.text);
  return true;
}

void ChildrenCache::put(uint32_t node, std::string_view text) {
  const std::lock_guard lock(mutex_);
  ASSERT(text.size() >= kLengthBytes && !lists_.contains(node));
  ++lists_made_;
  if (text.size() > kBytesMax) return;
  if (bytes_ + text.size() > kBytesMax) {  // begin anew: simple, and rare
    lists_.clear();
    bytes_ = 0;
  }
  List& list = lists_[node];
  list.text = text;
  list.count = load(text.data());
  bytes_ += text.size();
}

void ChildrenCache::on_added(uint32_t node, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(node);
  if (at == lists_.end()) return;
  if (bytes_ + kLengthBytes + name.size() > kBytesMax) return drop(at);
  List& list = at->second;
  wire::Writer(list.text).buffer(name);
  ++list.count;
  bytes_ += kLengthBytes + name.size();
}

void ChildrenCache::on_removed(uint32_t node, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(node);
  if (at == lists_.end()) return;
  List& list = at->second;
  ASSERT(list.count > 0);
  --list.count;
  if (++list.gone_count > std::max<size_t>(kGoneMin, list.count / kGoneShare)) return drop(at);
  const auto known = list.gone.find(name);
  if (known != list.gone.end()) {
    ++known->second;
  } else {
    list.gone.emplace(name, 1);
  }
  list.gone_ends |= bit_of(name);
}

void ChildrenCache::erase(uint32_t node) {
  const std::lock_guard lock(mutex_);
  const auto at = lists_.find(node);
  if (at != lists_.end()) drop(at);
}

void ChildrenCache::drop(std::unordered_map<uint32_t, List>::iterator at) const {
  ASSERT(bytes_ >= at->second.text.size());
  bytes_ -= at->second.text.size();
  lists_.erase(at);
}

// A name that went and came again stands there twice: the later one is the one that is there.
void ChildrenCache::cut_out(List& list) {
  char* const begin = list.text.data();
  const size_t size = list.text.size();
  size_t kept_from = kLengthBytes;  // what lies between this and `at` stays
  size_t to = kLengthBytes;
  const auto keep_until = [&](size_t end) {
    std::memmove(begin + to, begin + kept_from, end - kept_from);
    to += end - kept_from;
  };
  for (size_t at = kLengthBytes; at < size && list.gone_count > 0;) {
    const std::string_view name(begin + at + kLengthBytes, load(begin + at));
    const size_t next = at + kLengthBytes + name.size();
    if ((list.gone_ends & bit_of(name)) != 0) {
      const auto gone = list.gone.find(name);
      if (gone != list.gone.end() && gone->second > 0) {
        --gone->second;
        --list.gone_count;
        keep_until(at);
        kept_from = next;
      }
    }
    at = next;
  }
  keep_until(size);
  list.text.resize(to);
  ASSERT(list.gone_count == 0);
  list.gone.clear();
  list.gone_ends = 0;
}

}  // namespace zooid::state
