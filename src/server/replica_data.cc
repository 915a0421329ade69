// What a replica does, between two roles, with data that it cannot go on with (rule 35; both
// workers are idle then), and without a log that it can write (rule 30).
#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "server/replica.h"

namespace zooid::server {

bool Replica::bring_data_in_order() {
  if (core_.give_up) {
    if (!core_.may_rejoin()) {
      MARK("replica.damaged_ends");
      fatal_ = "the data here cannot be used, and nothing was changed: " + core_.give_up->why;
      return false;
    }
    if (is_giving_up_) return false;  // under way
    is_giving_up_ = true;
    log::error("giving up the history here: {}", core_.give_up->why);
    core_.log.submit(storage::GiveUpHistory{core_.incarnation, core_.give_up->why,
                                            core_.give_up->may_undo_install});
    return false;
  }
  const Zxid applied = core_.database->last_zxid();
  if (core_.config.is_ensemble() && applied > core_.last_logged && !core_.needs_reload) {
    if (applied.counter() == 0) {
      // The first zxid of the epoch that this server led, in nobody's log: nothing came after it.
      MARK("replica.epoch_without_transactions");
      core_.database->set_last_zxid(core_.last_logged);
    } else {
      // Applied when the leader had committed it, and not logged here after all.
      MARK("replica.tree_ahead_of_log");
      core_.needs_reload = true;
    }
  }
  if (!core_.needs_reload) return true;
  MARK("replica.reload_between_roles");
  std::get<Waiting>(role_).is_reading = true;
  core_.reload();
  return false;
}

// A disk that does not answer proves nothing about what is on it: the process ends, and its next
// start reads again. What can be read and is of no use makes way for the leader's state.
void Replica::on_unreadable_state(const Error& error) {
  if (error.kind != Error::Kind::kCorrupt) {
    MARK("replica.state_cannot_be_read");
    fatal_ = "the data cannot be read again: " + error.message;
    return;
  }
  core_.give_up = ReplicaCore::GiveUp{error.message};
}

void Replica::on_history_given_up(const storage::HistoryGivenUp& given_up, Now now) {
  ASSERT(is_giving_up_ && core_.give_up);
  is_giving_up_ = false;
  core_.give_up.reset();
  if (given_up.is_own_prefix) {
    MARK("replica.back_to_own_history");
    log::warn("back to the history before a leader's state that was never acknowledged");
  } else {
    log::error("the data given up was moved to {}", given_up.where);
  }
  core_.needs_reload = true;
  begin_role_if_ready(now);
}

void Replica::on_filled() {
  if (core_.is_untrusted) log::info("this server's data is complete again");
  core_.is_untrusted = false;
  core_.why_untrusted.clear();
  core_.log.submit(storage::ForgetMarks{core_.incarnation});
}

void Replica::on_log_failed(const storage::LogFailed& failed, Now now) {
  if (std::exchange(is_giving_up_, false) && failed.error.kind == Error::Kind::kCorrupt) {
    fatal_ = failed.error.message;
    return;
  }
  const bool is_space = failed.error.kind == Error::Kind::kNoSpace;
  end_role(is_space ? "the disk is full" : "the transaction log cannot be written", now);
  role_ = CannotWrite{failed.error.message, now.mono_us + CannotWrite::kTryEveryUs, 0, is_space};
  tell_cannot_write(std::get<CannotWrite>(role_), now);
}

void Replica::try_writing(CannotWrite& role) {
  role.try_at_us = kNever;
  core_.log.submit(storage::TryWriting{core_.incarnation, role.wanted_bytes});
}

void Replica::on_writing_tried(const storage::LogWritable& writable, Now now) {
  auto* mute = std::get_if<CannotWrite>(&role_);
  if (mute == nullptr) return;
  if (writable.trouble) {
    MARK("replica.still_cannot_write");
    mute->trouble = writable.trouble->message;  // each minute's reminder has it
    mute->is_space = writable.trouble->kind == Error::Kind::kNoSpace;
    mute->try_at_us = now.mono_us + CannotWrite::kTryEveryUs;
    return;
  }
  MARK("replica.writes_again");
  log::info("the transaction log can be written again: {}",
            core_.config.is_ensemble() ? "rejoining" : "serving clients again soon");
  // A new incarnation: the log worker drops everything of the failed one.
  core_.incarnation.value += 1;
  await_workers(std::string(mute->trouble));
}

}  // namespace zooid::server
