// Runs tests/scenarios/zab/*.txt: one leader, or one learner, with everything around it given by
// the commands. zxids are epoch:counter in hexadecimal, several are 1:3-5,2:1.
//
//   leader self=1 voters=1,2,3 [observers=4] accepted=E current=E last=Z [window=Z-N] [factor=F]
//   connect K / closed K
//   from K TYPE [Z] [server=N accepted=E version=V] [last=Z current=E] [session=S]
//   propose [N] [type=13]    sync K    revalidated K session=S valid=yes
//   reach K start=yes bytes=N snapshot=N    history K [Z-N]
//   snapshot K begins Z / snapshot K moves / snapshot K sent / learners
//   segment begins / segment ends     what comes in between leaves no time to send
//
//   learner self=2 voters=1,2,3 [observers=4] accepted=E current=E last=Z [applied=Z]
//   connected / closed / packet TYPE [Z] [text="..."] [session=S valid=yes] [type=N] [bytes=N]
//   snapshot progress / snapshot received / snapshot installed / truncated
//   touched N (answers a ping)
//
// Both: accepted-durable E / current-durable E / synced Z / pass MS
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <set>

#include "base/scenario_for_test.h"
#include "zab/leader_bench.h"
#include "zab/learner_bench.h"

namespace zooid::zab {
namespace {

using testing::LeaderBench;
using testing::LearnerBench;
using testing::parse_zxid;
using wire::PacketType;

std::vector<std::string> parts(const std::string& text, char separator) {
  std::vector<std::string> all;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

std::vector<int64_t> id_list(const std::string& text) {
  std::vector<int64_t> ids;
  for (const std::string& id : parts(text, ',')) ids.push_back(std::stoll(id));
  return ids;
}

std::vector<WindowTxn> txn_list(const std::string& text) {
  std::vector<WindowTxn> txns;
  for (const std::string& range : parts(text, ',')) {
    const auto ends = parts(range, '-');
    const Zxid first = parse_zxid(ends[0]);
    const auto last =
        ends.size() < 2 ? first.counter() : static_cast<uint32_t>(std::stoul(ends[1], nullptr, 16));
    const auto more = testing::history(first.epoch(), first.counter(), last);
    txns.insert(txns.end(), more.begin(), more.end());
  }
  return txns;
}

PacketType type_of(const std::string& name) {
  for (int32_t type = 1; type <= 19; ++type) {
    if (wire::packet_name(static_cast<PacketType>(type)) == name) return PacketType{type};
  }
  ADD_FAILURE() << "no packet type " << name;
  return PacketType::kPing;
}

wire::QuorumPacket packet_of(const ScenarioCommand& command, size_t at) {
  const PacketType type = type_of(command.word(at));
  const Zxid zxid = command.word(at + 1).empty() ? Zxid{-1} : parse_zxid(command.word(at + 1));
  std::string data;
  wire::Writer out(data);
  switch (type) {
    case PacketType::kFollowerInfo:
    case PacketType::kObserverInfo: {
      wire::QuorumPacket info = testing::follower_info(
          command.number("server"), command.number("accepted"), command.number("version"));
      info.type = type;
      return info;
    }
    case PacketType::kAckEpoch:
      return testing::ack_epoch(parse_zxid(command.text("last")),
                                static_cast<int32_t>(command.number("current")));
    case PacketType::kLeaderInfo:
      out.i32(0x10000);
      break;
    case PacketType::kNewLeader:
      if (!command.text("text").empty()) data = command.text("text");
      for (char& c : data) c = c == '|' ? '\n' : c;
      break;
    case PacketType::kProposal:
    case PacketType::kInform: {
      const auto code = static_cast<wire::OpCode>(command.number("type", -1));
      const Bytes txn = testing::make_txn(zxid, 0, code);
      const auto bytes = static_cast<size_t>(command.number("bytes", INT32_MAX));
      return testing::packet(type, zxid, txn.view().substr(0, bytes));
    }
    case PacketType::kRevalidate:
      out.i64(command.number("session"));
      if (!command.text("valid").empty()) out.boolean(command.text("valid") == "yes");
      if (command.text("valid").empty()) out.i32(10'000);
      break;
    case PacketType::kPing:
      if (command.values.contains("session")) {
        out.i64(command.number("session"));
        out.i32(10'000);
      }
      break;
    default:
      return testing::packet(type, zxid);
  }
  return testing::packet(type, zxid, data);
}

class ZabScenario : public ::testing::TestWithParam<std::filesystem::path> {
 public:
  std::string run(const ScenarioCommand& command) {
    const std::string& verb = command.word(0);
    if (verb == "leader") {
      start_leader(command);
    } else if (verb == "learner") {
      start_learner(command);
    } else if (leader_) {
      run_leader(command);
    } else {
      run_learner(command);
    }
    return output();
  }

 private:
  void start_leader(const ScenarioCommand& command) {
    learner_.reset();
    keys_.clear();
    leader_ = std::make_unique<LeaderBench>(false);
    for (const WindowTxn& txn : txn_list(command.text("window"))) {
      leader_->window.push(txn.zxid, txn.txn);
    }
    LeaderStart start{ServerId{command.number("self", 1)},
                      testing::membership_of(id_list(command.text("voters", "1,2,3")),
                                             id_list(command.text("observers"))),
                      command.number("accepted"), command.number("current"),
                      parse_zxid(command.text("last", "0:0"))};
    LeaderOptions options;
    options.snapshot_size_factor = std::stod(command.text("factor", "0.33"));
    leader_->reach.snapshot_size_factor = options.snapshot_size_factor;
    leader_->start(std::move(start), options);
  }

  void start_learner(const ScenarioCommand& command) {
    leader_.reset();
    learner_ = std::make_unique<LearnerBench>();
    const std::string last = command.text("last", "0:0");
    learner_->start({ServerId{command.number("self", 2)},
                     testing::membership_of(id_list(command.text("voters", "1,2,3")),
                                            id_list(command.text("observers"))),
                     command.number("accepted"), command.number("current"), parse_zxid(last),
                     parse_zxid(command.text("applied", last))});
  }

  void run_leader(const ScenarioCommand& command) {
    LeaderBench& bench = *leader_;
    Leader& leader = *bench.leader;
    const std::string& verb = command.word(0);
    const LearnerKey key = static_cast<LearnerKey>(std::atoi(command.word(1).c_str()));
    LeaderEffects effects;
    if (verb == "connect") {
      keys_.insert(key);
      bench.connect(key);
    } else if (verb == "closed") {
      leader.on_learner_closed(key, bench.now, effects);
    } else if (verb == "from") {
      leader.on_learner_packet(key, packet_of(command, 2), bench.now, effects);
    } else if (verb == "accepted-durable") {
      leader.on_accepted_epoch_persisted(static_cast<Epoch>(key), bench.now, effects);
    } else if (verb == "current-durable") {
      leader.on_current_epoch_persisted(static_cast<Epoch>(key), bench.now, effects);
    } else if (verb == "synced") {
      leader.on_log_synced(parse_zxid(command.word(1)), bench.now, effects);
    } else if (verb == "propose") {
      for (LearnerKey n = std::max<LearnerKey>(key, 1); n > 0; --n) bench.propose();
    } else if (verb == "sync") {
      leader.sync(key, effects);
    } else if (verb == "revalidated") {
      leader.answer_revalidate(key, SessionId{command.number("session")},
                               command.text("valid") == "yes");
    } else if (verb == "pass") {
      bench.pass(static_cast<int64_t>(key));
    } else if (verb == "segment") {
      bench.holds_pumps = command.word(1) == "begins";
    } else {
      run_leader_storage(command, key, effects);
    }
    bench.carry_out(effects);
  }

  void run_leader_storage(const ScenarioCommand& command, LearnerKey key, LeaderEffects& effects) {
    LeaderBench& bench = *leader_;
    Leader& leader = *bench.leader;
    const std::string& verb = command.word(0);
    if (verb == "reach") {
      DiskReach reach = bench.reach;
      reach.has_start = command.text("start") == "yes";
      reach.bytes_after_start = static_cast<uint64_t>(command.number("bytes"));
      reach.newest_snapshot_bytes = static_cast<uint64_t>(command.number("snapshot"));
      leader.on_disk_reach(key, reach, bench.now, effects);
    } else if (verb == "history") {
      leader.on_history(key, txn_list(command.word(2)), bench.now, effects);
    } else if (verb == "snapshot" && command.word(2) == "begins") {
      leader.on_snapshot_begun(key, parse_zxid(command.word(3)), bench.now);
    } else if (verb == "snapshot" && command.word(2) == "moves") {
      leader.on_stream_progress(key, bench.now);
    } else if (verb == "snapshot") {
      leader.on_snapshot_sent(key, bench.now);
    } else if (verb == "learners") {
      for (const LearnerStatus& status : leader.learners()) {
        bench.words.push_back(fmt::format(
            "learner {}: server {}{}{} acked {} {}", status.key, status.server.value,
            status.is_observer ? ", observer" : "", status.is_synced ? ", synced," : ",",
            testing::text(status.acked), status.sync));
      }
    } else {
      ADD_FAILURE() << "unknown command " << verb;
    }
  }

  void run_learner(const ScenarioCommand& command) {
    LearnerBench& bench = *learner_;
    const std::string& verb = command.word(0);
    const std::string& what = command.word(1);
    if (verb == "connected") return bench.tell(&Learner::on_connected);
    if (verb == "closed") return bench.tell(&Learner::on_closed, std::string("reset by peer"));
    if (verb == "packet") return bench.packet(packet_of(command, 1));
    if (verb == "pass") return bench.pass(std::stoll(what));
    if (verb == "accepted-durable")
      return bench.tell(&Learner::on_accepted_epoch_persisted, Epoch{std::stoll(what)});
    if (verb == "current-durable")
      return bench.tell(&Learner::on_current_epoch_persisted, Epoch{std::stoll(what)});
    if (verb == "synced") return bench.tell(&Learner::on_log_synced, parse_zxid(what));
    if (verb == "truncated") return bench.tell(&Learner::on_truncated);
    if (verb == "snapshot" && what == "progress") {
      bench.learner->on_snapshot_progress(bench.now);
      return;
    }
    if (verb == "snapshot" && what == "received") return bench.tell(&Learner::on_snapshot_received);
    if (verb == "snapshot") return bench.tell(&Learner::on_snapshot_installed);
    if (verb == "touched") {
      LearnerEffects effects;
      std::vector<Learner::Touched> touched(std::stoull(what), {SessionId{7}, 10'000});
      bench.learner->answer_ping(*bench.last->ping, touched, effects);
      return bench.carry_out(effects);
    }
    ADD_FAILURE() << "unknown command " << verb;
  }

  std::string output() {
    std::string lines;
    auto& words = leader_ ? leader_->words : learner_->words;
    for (const std::string& line : testing::take(words)) lines += line + "\n";
    if (leader_) {
      for (const LearnerKey key : keys_) {
        for (const std::string& sent : leader_->sent(key)) {
          lines += fmt::format("to {}: {}\n", key, sent);
        }
      }
    }
    return lines;
  }

  std::unique_ptr<LeaderBench> leader_;
  std::unique_ptr<LearnerBench> learner_;
  std::set<LearnerKey> keys_;
};

TEST_P(ZabScenario, gives_the_expected_transcript) {
  run_scenario_file(GetParam(), [&](const ScenarioCommand& command) { return run(command); });
}

// Known bugs of ZooKeeper's synchronisation: each has its story.
TEST(ZabScenarioFiles, each_of_the_nine_known_bugs_has_its_file) {
  const auto files = scenario_files(ZOOID_TESTS_DIR "/scenarios/zab");
  for (const int ticket : {3023, 3144, 3911, 4394, 4541, 4643, 4646, 4785, 4925}) {
    const std::string begins = fmt::format("zookeeper_{}_", ticket);
    EXPECT_EQ(std::ranges::count_if(
                  files, [&](const auto& f) { return f.stem().string().starts_with(begins); }),
              1)
        << begins;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ZabScenario,
                         ::testing::ValuesIn(scenario_files(ZOOID_TESTS_DIR "/scenarios/zab")),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace zooid::zab
