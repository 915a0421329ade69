// The watch events of one client's connection as both servers sent them, to be matched. One event
// after another is compared; what a session's end deleted may come in any order.
//
// The reference's events are here first, since requests are replayed when it has answered them. An
// event without a partner is judged when it is overdue: only then it is missing, surplus or out of
// order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace zooid::cli {

struct ProxyEvent {
  std::string text;  // without zxid
  std::string path;
  int64_t zxid = 0;
  uint64_t replies_before = 0;  // on its connection
  int64_t came_us = 0;
  // Of the reference: right before the reply to a write of this connection that touched the path.
  bool is_by_own_write = false;
  // The candidate sent the reply to that write first.
  bool came_behind = false;
};

class EventPairs {
 public:
  void add_of_reference(ProxyEvent event) { reference_.push_back(std::move(event)); }
  void add_of_candidate(ProxyEvent event) { candidate_.push_back(std::move(event)); }
  // Before it counts as one of replies_before. `paths`: those that it changed.
  void reference_replies(uint64_t number, const std::vector<std::string>& paths);
  void candidate_replies(uint64_t number);

  struct Judged {
    const ProxyEvent* reference;  // nullptr: there is none
    const ProxyEvent* candidate;
    bool in_other_order = false;
  };
  using Tell = std::function<void(const Judged&)>;
  // What fits together, in order.
  void match(const Tell& tell);
  // Whatever came before this time has had time enough. If the client's connection is over nobody
  // knows what more the reference would have sent: then surplus events of the candidate are none.
  void decide_overdue(int64_t before_us, bool is_over, const Tell& tell);
  bool awaits_candidate() const { return !reference_.empty(); }
  bool empty() const { return reference_.empty() && candidate_.empty(); }

 private:
  void pair(size_t reference, size_t candidate, bool in_other_order, const Tell& tell);
  bool match_front(const Tell& tell);

  std::deque<ProxyEvent> reference_, candidate_;
};

}  // namespace zooid::cli
