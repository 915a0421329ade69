#include "cli/crosscheck_events.h"

#include <algorithm>

#include "cli/crosscheck_taint.h"

namespace zooid::cli {
namespace {

// Of one transaction, as far as the server tells: 3.8 sends no zxids.
bool are_of_one_transaction(const std::deque<ProxyEvent>& events, size_t count) {
  return std::all_of(
      events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count),
      [&](const ProxyEvent& event) { return event.zxid > 0 && event.zxid == events.front().zxid; });
}

auto find_text(const std::deque<ProxyEvent>& events, const std::string& text) {
  return std::find_if(events.begin(), events.end(),
                      [&](const ProxyEvent& event) { return event.text == text; });
}

}  // namespace

void EventPairs::reference_replies(uint64_t number, const std::vector<std::string>& paths) {
  for (auto event = reference_.rbegin();
       event != reference_.rend() && event->replies_before == number; ++event) {
    event->is_by_own_write = std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
      return event->path == path || event->path == parent_of(path);
    });
  }
}

void EventPairs::candidate_replies(uint64_t number) {
  for (ProxyEvent& event : reference_) {
    if (event.replies_before > number) break;
    const bool has_come = find_text(candidate_, event.text) != candidate_.end();
    event.came_behind = event.came_behind || (event.is_by_own_write && !has_come);
  }
}

void EventPairs::pair(size_t reference, size_t candidate, bool in_other_order, const Tell& tell) {
  const auto left = reference_.begin() + static_cast<std::ptrdiff_t>(reference);
  const auto right = candidate_.begin() + static_cast<std::ptrdiff_t>(candidate);
  tell({&*left, &*right, in_other_order});
  reference_.erase(left);
  candidate_.erase(right);
}

bool EventPairs::match_front(const Tell& tell) {
  if (reference_.empty() || candidate_.empty()) return false;
  const auto partner = find_text(candidate_, reference_.front().text);
  if (partner == candidate_.end()) return false;
  const auto at = static_cast<size_t>(partner - candidate_.begin());
  if (at > 0 && !are_of_one_transaction(candidate_, at + 1)) {
    const auto other = find_text(reference_, candidate_.front().text);
    if (other == reference_.end()) return false;
    const auto other_at = static_cast<size_t>(other - reference_.begin());
    if (!are_of_one_transaction(reference_, other_at + 1)) return false;
  }
  pair(0, at, false, tell);
  return true;
}

void EventPairs::match(const Tell& tell) {
  while (match_front(tell)) {
  }
}

void EventPairs::decide_overdue(int64_t before_us, bool is_over, const Tell& tell) {
  match(tell);
  while (!reference_.empty() && reference_.front().came_us < before_us) {
    const bool is_surplus =
        !candidate_.empty() && find_text(reference_, candidate_.front().text) == reference_.end();
    if (is_surplus) {
      tell({nullptr, &candidate_.front()});
      candidate_.pop_front();
      match(tell);
      continue;
    }
    const auto partner = find_text(candidate_, reference_.front().text);
    if (partner != candidate_.end()) {
      pair(0, static_cast<size_t>(partner - candidate_.begin()), true, tell);
    } else {
      tell({&reference_.front(), nullptr});
      reference_.pop_front();
    }
    match(tell);
  }
  if (is_over && reference_.empty()) candidate_.clear();
  while (!candidate_.empty() && candidate_.front().came_us < before_us) {
    tell({nullptr, &candidate_.front()});
    candidate_.pop_front();
    match(tell);
  }
}

}  // namespace zooid::cli
