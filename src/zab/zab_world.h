// For tests: an ensemble of real Leader and Learner machines over a network of ordered byte
// streams, each with a disk that loses what was not synced. Which thing happens next is chosen by a
// seed. What every step must keep is checked at once:
// - what an established server applied agrees with one history, and grows it only at the leader;
// - a leader that is established holds all that was ever committed;
// - an epoch has at most one established leader;
// - no server is ever asked to discard its data.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "zab/leader.h"
#include "zab/learner.h"
#include "zab/zab_test_support.h"

namespace zooid::zab::testing {

struct Disk {
  std::vector<WindowTxn> txns;  // log and snapshots together: all history
  Zxid base;                    // zxid of the newest snapshot
  Epoch accepted = 0;
  Epoch current = 0;
  Zxid last() const { return txns.empty() ? base : std::max(base, txns.back().zxid); }
};

struct Connection {
  size_t learner = 0, leader = 0;
  LearnerKey key = 0;
  std::string to_leader, to_learner;  // in flight
  std::string stream;                 // rest of a snapshot stream, not written yet
  bool is_streaming = false;
  bool is_walked = false;  // the walk that makes the stream has ended
};

struct AppendOp {
  WindowTxn txn;
};
struct EpochOp {
  bool is_accepted;
  Epoch epoch;
};
struct TruncateOp {
  Zxid target;
};
struct InstallOp {
  Zxid zxid;
  std::vector<WindowTxn> txns;
};
using DiskOp = std::variant<AppendOp, EpochOp, TruncateOp, InstallOp>;

struct Server {
  ServerId id;
  bool is_up = true;
  Disk disk;
  std::deque<DiskOp> ops;
  std::vector<WindowTxn> view;  // the log with what is being written
  std::vector<WindowTxn> tree;  // applied
  Zxid tree_zxid;
  size_t checked = 0;  // of the tree, against the ensemble's history
  TxnWindow window{4, 400};
  std::unique_ptr<Leader> leader;
  std::unique_ptr<Learner> learner;
  bool is_established = false;
  wire::QuorumPacketDecoder decoder;                         // of the learner's connection
  std::map<LearnerKey, wire::QuorumPacketDecoder> decoders;  // of the leader's
  std::optional<Zxid> snapshot_expected;
  std::string snapshot;
  std::vector<WindowTxn> received;  // the snapshot's content, which may go beyond its zxid
  bool is_idle() const { return is_up && !leader && !learner; }
};

class World {
 public:
  World(uint64_t seed, size_t servers);

  void step();  // anything may happen
  // No more faults: everything must settle. Returns false if it does not.
  bool settle();

  std::vector<WindowTxn> committed;  // the ensemble's history
  std::map<Epoch, size_t> established_by;
  uint64_t proposals = 0, establishments = 0, elections = 0;
  std::vector<Server> servers;
  bool may_break = true;
  bool may_propose = true;

 private:
  void elect();
  void lead(size_t index);
  void follow(size_t index, size_t leader);
  void propose();
  void deliver(Connection& connection);
  void deliver_to_leader(Connection& connection, size_t n);
  void deliver_to_learner(Connection& connection, size_t n);
  void take_snapshot_bytes(Server& server);
  void disk_step(size_t index);
  void finish(Server& server, const DiskOp& op);
  void tell_done(Server& server, const DiskOp& op);
  void pump();
  void timers();
  void crash(size_t index);
  void restart(Server& server);
  void reload(Server& server);
  void end_role(size_t index);
  void drop(LearnerKey key);
  Connection* connection_of(size_t learner);

  void carry_out(size_t index, LeaderEffects& effects);
  void carry_out(size_t index, LearnerEffects& effects);
  void send_history(Server& server, size_t index, const LeaderEffects::History& wanted);
  void begin_stream(Server& server, LearnerKey key);
  void apply(Server& server, Zxid up_to);
  void write_epoch(Server& server, EpochOp op);
  void check(size_t index);

  Random random_;
  Now now_;
  LeaderOptions leader_options_;
  LearnerOptions learner_options_;
  Membership membership_;
  std::map<LearnerKey, Connection> connections_;
  LearnerKey next_key_ = 1;
  int32_t next_mark_ = 1;
};

}  // namespace zooid::zab::testing
