// Who may go on, and for how long: what clients ask is carried out in turns, so that nobody who
// sends many or dear requests keeps the others waiting (rules 25, 40). A turn ends when its work or
// its time is used up. A connection whose turn ended before its requests did stands in line, and
// the loop looks at all sockets before the line moves on. A wake-up of the loop has two phases,
// what arrived and the line, each with a bound of the same kind for all its turns.
//
// Work is counted in units of about a small read; so a turn ends at the same place in every run of
// the simulator, where no time passes inside a step. Time catches what the count does not know: it
// decides when something is done, never what.
// Owned by the shard, used on its loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "env/clock.h"
#include "server/messages.h"

namespace zooid::server {

inline constexpr size_t kTurnWork = 2'000;
inline constexpr int64_t kTurnUs = 1'000;
// Of all turns for what arrived, and once more for the line.
inline constexpr size_t kPhaseWork = 4'000;
inline constexpr int64_t kPhaseUs = 2'000;
// The clock is asked once for so much work.
inline constexpr size_t kWorkBetweenLooks = 64;
// A unit of work for so many bytes that are read or answered.
inline constexpr size_t kBytesOfWork = 1'024;
static_assert(kTurnWork < kPhaseWork && kTurnUs < kPhaseUs && kWorkBetweenLooks < kTurnWork);

class Turns {
 public:
  explicit Turns(const env::Clock& clock) : clock_(clock) {}

  // False if this phase has done enough: the connection is to stand in line.
  bool begin() {
    if (phase_is_over_) return false;
    turn_work_ = 0;
    next_look_ = kWorkBetweenLooks;
    began_us_ = 0;
    is_over_ = false;
    return true;
  }
  // Of the turn under way.
  void spend(size_t work) {
    turn_work_ += work;
    phase_work_ += work;
    if (turn_work_ >= next_look_) [[unlikely]]
      look();
  }
  void spend_bytes(size_t bytes) { spend(1 + bytes / kBytesOfWork); }
  bool is_over() const { return is_over_; }
  bool is_phase_over() const { return phase_is_over_; }

  // The line. Who stands in it is given a turn by take().
  void stand_in_line(ConnectionId connection) { line_.push_back(connection); }
  bool is_somebody_waiting() const { return !line_.empty(); }
  size_t waiting() const { return line_.size(); }
  ConnectionId take() {
    const ConnectionId next = line_.front();
    line_.pop_front();
    return next;
  }

  // What arrived has had its turns; from now on the line has.
  void begin_line() {
    begin_phase();
    phase_began_us_ = clock_.instant_us();
  }
  // The shard has done its part of this wake-up.
  void end_wake_up() { begin_phase(); }

  uint64_t turns_cut() const { return turns_cut_; }

 private:
  void look() {
    next_look_ = turn_work_ + kWorkBetweenLooks;
    const int64_t at_us = clock_.instant_us();
    // The first look stands for the beginning: what came before it was little, or is counted.
    if (began_us_ == 0) began_us_ = at_us;
    const int64_t phase_began_us = phase_began_us_ != 0 ? phase_began_us_ : clock_.now().mono_us;
    if (phase_work_ >= kPhaseWork || at_us - phase_began_us >= kPhaseUs) phase_is_over_ = true;
    if (is_over_) return;
    is_over_ = phase_is_over_ || turn_work_ >= kTurnWork || at_us - began_us_ >= kTurnUs;
    if (is_over_) ++turns_cut_;
  }
  void begin_phase() {
    phase_work_ = 0;
    phase_is_over_ = false;
    phase_began_us_ = 0;
  }

  const env::Clock& clock_;
  size_t turn_work_ = 0, next_look_ = kWorkBetweenLooks;
  size_t phase_work_ = 0;
  int64_t began_us_ = 0;        // of the turn; 0: not looked yet
  int64_t phase_began_us_ = 0;  // 0: with the wake-up
  bool is_over_ = false;
  bool phase_is_over_ = false;
  uint64_t turns_cut_ = 0;
  std::deque<ConnectionId> line_;
};

}  // namespace zooid::server
