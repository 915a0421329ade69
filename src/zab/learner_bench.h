// For tests: a Learner whose effects become words, in the order in which the owner carries them
// out, and whose completions the test gives.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "zab/learner.h"
#include "zab/zab_test_support.h"

namespace zooid::zab::testing {

class LearnerBench {
 public:
  void start(LearnerStart start, LearnerOptions options = {}) {
    learner = std::make_unique<Learner>(std::move(start), options, now);
  }
  // Calls a member of Learner with (arguments..., now, effects).
  template <class Member, class... Args>
  void tell(Member member, const Args&... arguments) {
    LearnerEffects effects;
    (learner.get()->*member)(arguments..., now, effects);
    carry_out(effects);
  }
  void packet(const wire::QuorumPacket& packet) { tell(&Learner::on_packet, packet); }
  void pass(int64_t ms) {
    const int64_t until = now.mono_us + ms_to_us(ms);
    if (learner->next_deadline() <= until) {
      now.mono_us = learner->next_deadline();
      tell(&Learner::on_timer);
    }
    now.mono_us = until;
  }
  // Brings it to the point where it waits for the opening packet of `epoch`.
  void discover(Epoch epoch);
  void carry_out(LearnerEffects& effects);

  std::unique_ptr<Learner> learner;
  Now now;
  std::vector<std::string> words;
  std::string sent;  // bytes
  std::vector<WindowTxn> appends;
  Zxid committed;
  std::optional<std::string> gave_up;
  std::optional<LearnerEffects> last;  // of the last call
};

inline std::vector<std::string> take(std::vector<std::string>& words) {
  return std::exchange(words, {});
}

}  // namespace zooid::zab::testing
