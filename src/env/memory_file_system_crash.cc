// What a crash leaves of a file system in memory.
#include <algorithm>

#include "base/assert.h"
#include "env/memory_file_system.h"

namespace zooid::env {
namespace {

// What a disk writes whole or not at all.
constexpr uint64_t kSectorBytes = 512;

}  // namespace

// Each sector by itself (kSubset), or those before some sector (kPrefix).
void MemoryFileSystem::apply_torn(std::string& content, const Effect& effect, Random& random,
                                  Survivors survivors) {
  if (effect.new_size) return apply(content, effect);
  const uint64_t end = effect.offset + effect.bytes.size();
  const uint64_t sectors = (end + kSectorBytes - 1) / kSectorBytes - effect.offset / kSectorBytes;
  const uint64_t cut = random.below(sectors + 1);
  for (uint64_t i = 0, at = effect.offset; at < end; ++i) {
    const uint64_t sector_end = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    const bool is_kept = survivors == Survivors::kPrefix ? i < cut : random.one_in(2);
    if (is_kept) {
      apply(content, {at, effect.bytes.substr(at - effect.offset, sector_end - at), std::nullopt});
    }
    at = sector_end;
  }
  // The length may have been written before the content.
  if (content.size() < end && random.one_in(3)) content.resize(end);
}

std::string MemoryFileSystem::content_after_crash(const Inode& inode, Survivors survivors,
                                                  Random& random) {
  if (survivors == Survivors::kAll) return inode.content;
  std::string content = inode.durable;
  if (survivors == Survivors::kNone) return content;
  const uint64_t kept = random.below(inode.unsynced.size() + 1);
  for (size_t i = 0; i < inode.unsynced.size(); ++i) {
    if (survivors == Survivors::kPrefix) {
      if (i < kept) apply(content, inode.unsynced[i]);
      if (i == kept) apply_torn(content, inode.unsynced[i], random, survivors);
    } else {
      const uint64_t fate = random.below(3);
      if (fate == 1) apply(content, inode.unsynced[i]);
      if (fate == 2) apply_torn(content, inode.unsynced[i], random, survivors);
    }
  }
  return content;
}

MemoryFileSystem::Names MemoryFileSystem::names_after_crash(Survivors survivors,
                                                            Random& random) const {
  if (survivors == Survivors::kAll) return names_;
  Names names = durable_names_;
  if (survivors == Survivors::kNone) return names;
  for (const auto& [directory, effects] : unsynced_names_) {
    const uint64_t kept = random.below(effects.size() + 1);
    for (size_t i = 0; i < effects.size(); ++i) {
      const bool is_kept = survivors == Survivors::kPrefix ? i < kept : random.one_in(2);
      if (is_kept) apply(names, effects[i]);
    }
  }
  return names;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::after_crash(Survivors survivors,
                                                                uint64_t seed) const {
  auto image = std::make_unique<MemoryFileSystem>(seed);
  const Names names = names_after_crash(survivors, image->random_);
  fill_image(*image, names, [&](const Inode& inode) {
    return content_after_crash(inode, survivors, image->random_);
  });
  return image;
}

void MemoryFileSystem::fill_image(
    MemoryFileSystem& image, const Names& names,
    const std::function<std::string(const Inode&)>& content_of) const {
  image.directories_ = directories_;
  image.capacity_ = capacity_;
  std::map<const Inode*, InodePtr> copies;  // asked, never walked: its order reaches nothing
  for (const auto& [path, inode] : names) {
    InodePtr& copy = copies[inode.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Inode>();
      copy->durable = copy->content = content_of(*inode);
    }
    image.names_[path] = copy;
  }
  image.durable_names_ = image.names_;
}

// By directory, then by file in the order of their names; within each as they were made.
std::vector<MemoryFileSystem::Piece> MemoryFileSystem::pieces(Unit unit) const {
  std::vector<Piece> found;
  std::set<const Inode*> seen;  // asked, never walked
  const auto take = [&](const InodePtr& inode) {
    if (inode != nullptr && seen.insert(inode.get()).second) add_pieces(*inode, unit, found);
  };
  for (const auto& [directory, effects] : unsynced_names_) {
    for (const NameEffect& effect : effects) found.push_back({&effect, nullptr, {}});
  }
  for (const auto& [path, inode] : durable_names_) take(inode);
  for (const auto& [path, inode] : names_) take(inode);
  for (const auto& [directory, effects] : unsynced_names_) {
    for (const NameEffect& effect : effects) take(effect.inode);
  }
  return found;
}

void MemoryFileSystem::add_pieces(const Inode& inode, Unit unit, std::vector<Piece>& found) {
  for (const Effect& effect : inode.unsynced) {
    if (effect.new_size || unit == Unit::kEffect) {
      found.push_back({nullptr, &inode, effect});
      continue;
    }
    const uint64_t end = effect.offset + effect.bytes.size();
    // The length may have been written before the content.
    if (end > inode.durable.size()) found.push_back({nullptr, &inode, {end, {}, std::nullopt}});
    for (uint64_t at = effect.offset; at < end;) {
      const uint64_t sector_end = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
      found.push_back(
          {nullptr,
           &inode,
           {at, effect.bytes.substr(at - effect.offset, sector_end - at), std::nullopt}});
      at = sector_end;
    }
  }
}

size_t MemoryFileSystem::unsynced_pieces(Unit unit) const {
  return pieces(unit).size();
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::after_crash_keeping(
    Unit unit, const std::vector<bool>& is_kept) const {
  const std::vector<Piece> all = pieces(unit);
  ASSERT(all.size() == is_kept.size());
  Names names = durable_names_;
  for (size_t i = 0; i < all.size(); ++i) {
    if (is_kept[i] && all[i].name != nullptr) apply(names, *all[i].name);
  }
  auto image = std::make_unique<MemoryFileSystem>();
  fill_image(*image, names, [&](const Inode& inode) {
    std::string content = inode.durable;
    for (size_t i = 0; i < all.size(); ++i) {
      if (is_kept[i] && all[i].inode == &inode) apply(content, all[i].effect);
    }
    return content;
  });
  return image;
}

void MemoryFileSystem::crash(Survivors survivors) {
  const auto image = after_crash(survivors, random_.next());
  names_ = std::move(image->names_);
  durable_names_ = names_;
  unsynced_names_.clear();
  locked_.clear();
  ++generation_;
}

void MemoryFileSystem::end_process() {
  locked_.clear();
  ++generation_;
}

}  // namespace zooid::env
