// For tests: a Leader with what surrounds it (log files, an applied state, learner connections),
// all in memory. Effects become words in the order in which the owner carries them out. In
// automatic mode every completion comes at once; otherwise the test gives it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "zab/leader.h"
#include "zab/zab_test_support.h"

namespace zooid::zab::testing {

class LeaderBench {
 public:
  explicit LeaderBench(bool automatic) : automatic_(automatic) {}

  void start(LeaderStart start, LeaderOptions options);
  void packet(LearnerKey key, const wire::QuorumPacket& packet);
  void connect(LearnerKey key) { leader->on_learner_connected(key, now); }
  // Proposes the next transaction, if there may be one.
  Zxid propose(int32_t mark = 0);
  void propose(Zxid zxid, const Bytes& txn);
  void log_synced(Zxid up_to);
  void pass(int64_t ms);
  // Carries out, then pumps every learner.
  void carry_out(LeaderEffects& effects);
  // FOLLOWERINFO to ACK of NEWLEADER for a server that lacks nothing and needs no care.
  void join(LearnerKey key, int64_t server, Zxid last, Epoch accepted, int32_t current);
  // With holds_completions: the oldest thing that was asked for is done.
  void complete_one();
  // Lets every learner have what it may get now.
  void pump();
  // What was sent to a learner since the last call; a SNAP stream shows as "(stream)".
  std::vector<std::string> sent(LearnerKey key);

  std::unique_ptr<Leader> leader;
  TxnWindow window{500};
  std::vector<WindowTxn> log;  // the log files
  DiskReach reach;             // answer to AskReach; has_start is computed
  Now now;
  std::vector<std::string> words;         // effects since they were taken
  std::map<LearnerKey, std::string> raw;  // sent bytes, SNAP streams left out
  size_t history_slice_max = 3;
  bool holds_completions = false;  // not automatic, but one by one through complete_one()
  bool holds_pumps = false;        // several packets come in one segment
  std::optional<std::string> abdicated;
  std::map<LearnerKey, std::string> closed;
  std::optional<Epoch> established;
  Zxid committed;
  std::vector<LeaderEffects::Request> requests;
  std::vector<LeaderEffects::Touch> touches;
  std::vector<LeaderEffects::Revalidate> revalidations;

 private:
  // Of the applied state: epoch << 32 at least once the leader is established.
  Zxid state_zxid() const;
  void complete(LeaderEffects& effects);
  void answer_reach(const LeaderEffects::AskReach& asked);
  void answer_history(const LeaderEffects::History& wanted);
  void hold(const LeaderEffects& effects);
  void tell(const std::function<void(LeaderEffects&)>& completion);

  bool automatic_;
  std::deque<std::function<void()>> held_;
  std::set<LearnerKey> streaming_;
  std::map<LearnerKey, bool> connected_;
};

}  // namespace zooid::zab::testing
