// Whole captured connections (tests/golden/quorum/ensemble-*.txt) replayed from both ends: a
// Learner gets what the Java leader sent and must answer as the Java learner did; a Leader gets
// what the Java learner sent and must send what the Java leader sent, byte for byte. Intended
// differences are named below. A connection is followed up to a reconfiguration, which is not
// supported yet.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "wire/golden_files.h"
#include "zab/leader_bench.h"
#include "zab/learner_bench.h"

namespace zooid::zab {
namespace {

using testing::zx;
using wire::PacketType;
using wire::QuorumPacket;
using wire::golden::hex;
using wire::golden::read_table;
using wire::golden::unhex;

struct Captured {
  std::string name;
  std::vector<QuorumPacket> learner, leader;
};

std::vector<Captured> captured_connections() {
  std::vector<Captured> all;
  for (const char* file : {"quorum/ensemble-3.8.0.txt", "quorum/ensemble-mixed.txt"}) {
    std::map<std::string, Captured> by_name;
    std::vector<QuorumPacket>* stream = nullptr;
    for (const auto& row : read_table(file)) {
      if (row[0] == "stream") {
        const size_t dot = row[1].rfind('.');
        Captured& captured = by_name[row[1].substr(0, dot)];
        captured.name = row[1].substr(0, dot);
        stream = row[1].ends_with(".learner-to-leader") ? &captured.learner : &captured.leader;
      } else {
        wire::QuorumPacketDecoder decoder;
        decoder.feed(unhex(row[5]));  // behind a SNAP packet stands its stream
        stream->push_back(**decoder.next());
      }
    }
    for (auto& [name, captured] : by_name) all.push_back(std::move(captured));
  }
  return all;
}

bool is_reconfiguration(const QuorumPacket& packet) {
  const bool is_txn = packet.type == PacketType::kProposal || packet.type == PacketType::kInform;
  const auto header = is_txn ? wire::read_txn_header(packet.data.view()) : std::nullopt;
  return packet.type == PacketType::kCommitAndActivate ||
         packet.type == PacketType::kInformAndActivate ||
         (header && header->type == wire::OpCode::kReconfig);
}

std::string bytes_of(const QuorumPacket& packet) {
  std::string bytes;
  wire::write(bytes, packet);
  return bytes;
}

// The part that tells of agreement and was not cut off by a reconfiguration; nullopt: nothing
// useful.
std::optional<Captured> usable(const Captured& captured) {
  Captured part = captured;
  const auto end = std::ranges::find_if(part.leader, is_reconfiguration);
  part.leader.erase(end, part.leader.end());
  const auto has = [&](PacketType type) {
    return std::ranges::any_of(part.leader, [&](const auto& p) { return p.type == type; });
  };
  if (!has(PacketType::kNewLeader) || !has(PacketType::kUpToDate)) return std::nullopt;
  if (part.learner.size() < 3) return std::nullopt;
  return part;
}

std::string newleader_text(const Captured& captured) {
  const auto it = std::ranges::find(captured.leader, PacketType::kNewLeader, &QuorumPacket::type);
  return std::string(it->data.view());
}

// ---- a Learner against the captured leader ----

class LearnerReplay {
 public:
  explicit LearnerReplay(const Captured& captured) : captured_(captured) {
    const auto info = *wire::read_learner_info(captured.learner[0].data.view());
    wire::Reader current(captured.learner[1].data.view());
    LearnerStart start;
    start.self = info.server;
    start.membership =
        Membership::parse(newleader_text(captured))->with_version(info.config_version);
    start.accepted_epoch = captured.learner[0].zxid.epoch();
    start.current_epoch = current.i32();
    start.last_logged = start.last_applied = captured.learner[1].zxid;
    is_observer_ = captured.learner[0].type == PacketType::kObserverInfo;
    const Member* own = start.membership.find(start.self);
    is_replayable = (own != nullptr && own->role == MemberRole::kObserver) == is_observer_;
    bench_.start(std::move(start));
  }

  void run() {
    call(&Learner::on_connected);
    for (const QuorumPacket& packet : captured_.leader) {
      if (packet.type == PacketType::kNewLeader) committed_at_newleader_ = committed_;
      if (packet.type == PacketType::kCommit) committed_ = packet.zxid;
      call(&Learner::on_packet, packet);
      if (bench_.last->ping) answer_ping(*bench_.last->ping);
      ASSERT_FALSE(bench_.gave_up) << *bench_.gave_up;
    }
    EXPECT_TRUE(bench_.learner->is_established());
    compare();
  }

  bool is_replayable = false;
  size_t compared = 0;

 private:
  template <class Member, class... Args>
  void call(Member member, const Args&... arguments) {
    bench_.tell(member, arguments...);
    const LearnerEffects effects = *bench_.last;
    if (effects.persist_accepted_epoch)
      call(&Learner::on_accepted_epoch_persisted, *effects.persist_accepted_epoch);
    if (effects.expect_snapshot) call(&Learner::on_snapshot_received);
    if (effects.install_snapshot) call(&Learner::on_snapshot_installed);
    if (effects.truncate) call(&Learner::on_truncated);
    if (!effects.appends.empty()) call(&Learner::on_log_synced, effects.appends.back().zxid);
    if (effects.persist_current_epoch)
      call(&Learner::on_current_epoch_persisted, *effects.persist_current_epoch);
    if constexpr (sizeof...(arguments) > 0) bench_.last = effects;
  }

  void answer_ping(Zxid zxid) {
    // The sessions are those that the Java learner had touched.
    while (next_ping_ < captured_.learner.size() &&
           captured_.learner[next_ping_].type != PacketType::kPing) {
      ++next_ping_;
    }
    if (next_ping_ == captured_.learner.size()) return;
    std::vector<Learner::Touched> touched;
    wire::Reader table(captured_.learner[next_ping_++].data.view());
    while (table.remaining() > 0) {
      const SessionId session{table.i64()};
      touched.push_back({session, table.i32()});
    }
    LearnerEffects effects;
    bench_.learner->answer_ping(zxid, touched, effects);
    bench_.carry_out(effects);
  }

  // Acks and PINGs are interleaved by time, so each kind is compared in its own order. What clients
  // made the Java learner send is left out.
  void compare() {
    for (const bool pings : {false, true}) {
      std::vector<std::string> wanted, sent;
      for (const QuorumPacket& packet : captured_.learner) {
        const bool is_ping = packet.type == PacketType::kPing;
        const bool is_of_client =
            packet.type == PacketType::kRequest || packet.type == PacketType::kRevalidate;
        // Difference: 3.8.0 acknowledges what it got committed before NEWLEADER; 3.9.5 does not.
        const bool is_left_out = packet.type == PacketType::kAck && packet.zxid.counter() != 0 &&
                                 packet.zxid <= committed_at_newleader_;
        if (is_ping == pings && !is_of_client && !is_left_out)
          wanted.push_back(hex(bytes_of(packet)));
      }
      std::string bytes = bench_.sent;
      for (const QuorumPacket& packet : testing::take_packets(bytes)) {
        if ((packet.type == PacketType::kPing) == pings) sent.push_back(hex(bytes_of(packet)));
      }
      // Either side may be cut off: by a kill, or by the reconfiguration at which this replay ends.
      const size_t common = std::min(wanted.size(), sent.size());
      if (!pings) {
        EXPECT_GE(common, 3u);
      }
      for (size_t i = 0; i < common; ++i) ASSERT_EQ(sent[i], wanted[i]) << "packet " << i;
      compared += common;
    }
  }

  const Captured& captured_;
  testing::LearnerBench bench_;
  bool is_observer_ = false;
  Zxid committed_, committed_at_newleader_;
  size_t next_ping_ = 0;
};

TEST(ZabGolden, learner_answers_as_the_captured_one) {
  size_t replayed = 0, compared = 0;
  for (const Captured& captured : captured_connections()) {
    const auto part = usable(captured);
    if (!part) continue;
    SCOPED_TRACE(captured.name);
    LearnerReplay replay(*part);
    if (!replay.is_replayable) continue;
    replay.run();
    ++replayed;
    compared += replay.compared;
  }
  EXPECT_GE(replayed, 30u);
  EXPECT_GE(compared, 400u);
  std::printf("learner side: %zu connections, %zu packets\n", replayed, compared);
}

// ---- a Leader against the captured learner ----

class LeaderReplay {
 public:
  explicit LeaderReplay(const Captured& captured) : captured_(captured), bench_(true) {
    const auto& leader = captured.leader;
    epoch_ = leader[0].zxid.epoch();
    info_ = *wire::read_learner_info(captured.learner[0].data.view());
    learner_zxid_ = captured.learner[1].zxid;
    opening_ = leader[1];
    const auto end = std::ranges::find(leader, PacketType::kNewLeader, &QuorumPacket::type);
    newleader_ = static_cast<size_t>(end - leader.begin());
    // Difference: SNAP to a learner that misses nothing of an empty history.
    is_replayable = !(opening_.type == PacketType::kSnap && opening_.zxid.counter() == 0);
  }

  void run() {
    lead();
    bench_.connect(kKey);
    bench_.packet(kKey, captured_.learner[0]);
    bench_.packet(kKey, captured_.learner[1]);
    bench_.packet(kKey, testing::packet(PacketType::kAck, zx(epoch_, 0)));
    for (size_t i = newleader_ + 1; i < captured_.leader.size(); ++i) cause(captured_.leader[i]);
    compare();
    feed_the_rest();
  }

  bool is_replayable = true;
  size_t compared = 0, fed = 0;

 private:
  static constexpr LearnerKey kKey = 50;

  // Establishes a leader whose history ends as the captured one's did when the learner came.
  void lead() {
    LeaderStart start;
    start.membership = *Membership::parse(newleader_text(captured_));
    start.accepted_epoch = start.current_epoch = epoch_ - 1;
    std::vector<ServerId> others;
    for (const ServerId voter : start.membership.voters()) {
      if (voter != info_.server) others.push_back(voter);
    }
    start.self = others.back();
    others.pop_back();
    std::vector<WindowTxn> history;
    const Zxid base = opening_.type == PacketType::kTrunc ? opening_.zxid : learner_zxid_;
    if (base.epoch() < epoch_ && base.counter() != 0)
      history.push_back({base, testing::make_txn(base)});
    start.last_logged = base.epoch() < epoch_ ? base : Zxid{0};
    for (size_t i = 2; i < newleader_; ++i) {
      const QuorumPacket& packet = captured_.leader[i];
      if (packet.type != PacketType::kProposal || packet.zxid.epoch() == epoch_) continue;
      history.push_back({packet.zxid, packet.data});
    }
    for (const WindowTxn& txn : history) bench_.window.push(txn.zxid, txn.txn);
    bench_.log = history;
    if (!history.empty()) start.last_logged = history.back().zxid;
    const Zxid last = start.last_logged;
    bench_.start(std::move(start), {});
    for (const ServerId other : others) {
      helpers_.push_back(static_cast<LearnerKey>(other.value));
      bench_.join(helpers_.back(), other.value, last, epoch_ - 1, static_cast<int32_t>(epoch_ - 1));
    }
    ASSERT_TRUE(bench_.established);
    propose_before();
  }

  void propose_before() {
    // Proposals of this epoch that the learner has already, or that its snapshot holds.
    const Zxid known = opening_.type == PacketType::kDiff ? learner_zxid_ : opening_.zxid;
    while (known.epoch() == epoch_ && bench_.leader->last_proposed() < known)
      commit(bench_.propose());
    for (size_t i = 2; i < newleader_; ++i) {
      const QuorumPacket& packet = captured_.leader[i];
      if (packet.zxid.epoch() != epoch_) continue;
      if (packet.type == PacketType::kProposal) bench_.propose(packet.zxid, packet.data);
      if (packet.type == PacketType::kCommit) commit(packet.zxid);
    }
  }

  void commit(Zxid zxid) {
    for (const LearnerKey helper : helpers_) {
      bench_.packet(helper, testing::packet(PacketType::kAck, zxid));
    }
  }

  // Makes happen what made the Java leader send this packet.
  void cause(const QuorumPacket& packet) {
    LeaderEffects none;
    switch (packet.type) {
      case PacketType::kProposal:
        bench_.propose(packet.zxid, packet.data);
        break;
      case PacketType::kCommit:
        commit(packet.zxid);
        break;
      case PacketType::kInform:
        bench_.propose(packet.zxid, packet.data);
        commit(packet.zxid);
        break;
      case PacketType::kSync:
        // Difference: the leader asks a quorum whether it still leads.
        bench_.leader->sync(kKey, none);
        bench_.carry_out(none);
        for (const LearnerKey helper : helpers_) {
          const Zxid of_ping = std::max(bench_.leader->last_proposed(), Zxid::make(epoch_, 0));
          bench_.packet(helper, testing::packet(PacketType::kPing, of_ping));
        }
        break;
      case PacketType::kRevalidate: {
        wire::Reader data(packet.data.view());
        const SessionId session{data.i64()};
        bench_.leader->answer_revalidate(kKey, session, data.boolean());
        break;
      }
      default:
        break;
    }
    bench_.carry_out(none);
  }

  void compare() {
    std::string stream = bench_.raw[kKey];
    auto sent = testing::take_packets(stream);
    std::erase_if(sent,
                  [](const QuorumPacket& packet) { return packet.type == PacketType::kPing; });
    size_t next = 0;
    for (const QuorumPacket& packet : captured_.leader) {
      if (packet.type == PacketType::kPing) continue;  // made by time
      ASSERT_LT(next, sent.size());
      ASSERT_EQ(hex(bytes_of(sent[next])), hex(bytes_of(packet)))
          << next << ": " << testing::describe(sent[next]) << " for " << testing::describe(packet);
      ++next;
    }
    EXPECT_EQ(next, sent.size());
    compared = next;
  }

  void feed_the_rest() {
    size_t requests = 0, revalidations = 0;
    for (size_t i = 3; i < captured_.learner.size(); ++i) {
      const QuorumPacket& packet = captured_.learner[i];
      requests += packet.type == PacketType::kRequest;
      revalidations += packet.type == PacketType::kRevalidate;
      bench_.packet(kKey, packet);
      ++fed;
    }
    EXPECT_EQ(bench_.requests.size(), requests);
    EXPECT_EQ(bench_.revalidations.size(), revalidations);
    EXPECT_FALSE(bench_.closed.contains(kKey)) << bench_.closed[kKey];
  }

  const Captured& captured_;
  testing::LeaderBench bench_;
  Epoch epoch_ = 0;
  wire::LearnerInfo info_;
  Zxid learner_zxid_;
  QuorumPacket opening_;
  size_t newleader_ = 0;
  std::vector<LearnerKey> helpers_;
};

TEST(ZabGolden, leader_sends_what_the_captured_one_sent) {
  size_t replayed = 0, compared = 0, fed = 0;
  for (const Captured& captured : captured_connections()) {
    const auto part = usable(captured);
    if (!part) continue;
    SCOPED_TRACE(captured.name);
    LeaderReplay replay(*part);
    if (!replay.is_replayable) continue;
    replay.run();
    ++replayed;
    compared += replay.compared;
    fed += replay.fed;
  }
  EXPECT_GE(replayed, 30u);
  EXPECT_GE(compared, 400u);
  EXPECT_GE(fed, 300u);
  std::printf("leader side: %zu connections, %zu packets sent, %zu taken\n", replayed, compared,
              fed);
}

}  // namespace
}  // namespace zooid::zab
