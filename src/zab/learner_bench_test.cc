#include "zab/learner_bench.h"

namespace zooid::zab::testing {

void LearnerBench::discover(Epoch epoch) {
  tell(&Learner::on_connected);
  std::string version;
  wire::Writer(version).i32(0x10000);
  packet(testing::packet(wire::PacketType::kLeaderInfo, zx(epoch, 0), version));
  if (last->persist_accepted_epoch) tell(&Learner::on_accepted_epoch_persisted, epoch);
}

void LearnerBench::carry_out(LearnerEffects& effects) {
  const auto say = [this](std::string line) { words.push_back(std::move(line)); };
  std::string bytes = effects.send;
  sent += effects.send;
  for (const auto& packet : take_packets(bytes)) say("send " + describe(packet));
  if (effects.persist_accepted_epoch)
    say(fmt::format("persist accepted {}", *effects.persist_accepted_epoch));
  if (effects.expect_snapshot) say("expect snapshot " + text(*effects.expect_snapshot));
  if (effects.install_snapshot) say("install snapshot " + text(*effects.install_snapshot));
  if (effects.truncate) say("truncate to " + text(*effects.truncate));
  if (effects.adopt_tail) say("adopt tail up to " + text(*effects.adopt_tail));
  for (const WindowTxn& txn : effects.appends) say("append " + text(txn.zxid));
  if (effects.persist_current_epoch)
    say(fmt::format("persist current {}", *effects.persist_current_epoch));
  if (effects.committed) say("committed " + text(*effects.committed));
  if (effects.promised) say(fmt::format("promised {}", *effects.promised));
  if (effects.configuration)
    say(fmt::format("configuration {:x}", effects.configuration->version()));
  if (effects.established) say(fmt::format("established {}", *effects.established));
  if (!effects.sync.empty()) say("synchronised by " + effects.sync);
  if (effects.ping) say("ping " + text(*effects.ping));
  for (const auto& answer : effects.revalidated) {
    say(fmt::format("session {:x} is {}", answer.session.value,
                    answer.valid ? "valid" : "unknown"));
  }
  for (const auto& done : effects.syncs_done) say("sync done behind " + text(done.after_commit));
  if (effects.give_up) say("give up: " + *effects.give_up);
  if (effects.give_up) gave_up = effects.give_up;
  if (effects.committed) {
    EXPECT_GT(*effects.committed, committed);
    committed = *effects.committed;
  }
  appends.insert(appends.end(), effects.appends.begin(), effects.appends.end());
  last = std::move(effects);
}

}  // namespace zooid::zab::testing
