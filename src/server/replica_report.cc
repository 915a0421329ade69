// What a replica tells in the log about elections and about serving or not.
#include <algorithm>

#include "base/log.h"
#include "server/replica.h"
#include "storage/log_file.h"

namespace zooid::server {

void Replica::write_records() {
  if (!election_) return;
  for (const zab::ElectionRecord& record : election_->take_records()) {
    journal_.put(record);
    const std::string line = zab::summary(record);
    if (!line.empty()) tell_election(line);
  }
}

// A record changes once more at the first commit; its line does not.
void Replica::tell_election(const std::string& line) {
  if (std::exchange(last_election_told_, line) == line) return;
  const int64_t now_us = core_.clock.now().mono_us;
  if (const auto more = elections_told_.admit(line, now_us)) {
    log::info("{}{}", line, left_out_text(*more));
  }
}

void Replica::tell_untrusted(Now now) {
  if (!core_.is_untrusted) return;
  const auto more = untrusted_told_.admit("", now.mono_us);
  if (!more) return;
  log::warn(
      "this server's data is not complete ({}): it counts for nobody and waits for a leader "
      "that the others elect{}",
      core_.why_untrusted, left_out_text(*more));
}

void Replica::tell_cannot_write(const CannotWrite& role, Now now) {
  const auto more = write_trouble_told_.admit("", now.mono_us);
  if (!more) return;
  constexpr int64_t kEverySeconds = CannotWrite::kTryEveryUs / 1'000'000;
  if (!role.is_space) {
    log::error(
        "nothing can be written, so this server takes part in nothing; it tries again every {} s "
        "and comes back by itself: {}{}",
        kEverySeconds, role.trouble, left_out_text(*more));
    return;
  }
  constexpr uint64_t kMebibyte = 1u << 20;
  const uint64_t wanted = std::max(role.wanted_bytes, storage::kLogBatchBytesMax);
  log::error(
      "the disk is full, so this server takes part in nothing. It needs {} MiB of free space, "
      "looks every {} s and comes back by itself: {}{}",
      (wanted + kMebibyte - 1) / kMebibyte, kEverySeconds, role.trouble, left_out_text(*more));
}

ServiceGap Replica::service_gap() const {
  ServiceGap gap;
  gap.serves_read_only = core_.is_read_only();
  if (const auto* mute = std::get_if<CannotWrite>(&role_)) {
    gap.own_trouble = mute->trouble;
  } else if (core_.is_untrusted) {
    gap.own_trouble = "the data here is not complete: " + core_.why_untrusted;
  }
  if (!core_.config.is_ensemble()) return gap;
  gap.voters = membership_.voters().size();
  gap.needed = gap.voters / 2 + 1;
  for (const ServerId voter : membership_.voters()) {
    if (voter == core_.self()) continue;
    VoterNews news;
    news.id = voter;
    if (links_ != nullptr) {
      news.is_connected = links_->is_connected(voter);
      news.trouble = links_->trouble_with(voter);
    }
    if (const auto heard = heard_us_.find(voter); heard != heard_us_.end()) {
      news.heard_us = heard->second;
    }
    gap.others.push_back(std::move(news));
  }
  return gap;
}

void Replica::report_service(Now now) {
  if (core_.is_serving() && !core_.is_read_only()) {
    if (service_.is_serving()) return;
    std::string role = core_.mode();
    if (const auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
      role += " of server " + std::to_string((*follower)->leader().value);
    }
    service_.on_serving(role, now);
  } else if (service_.is_reminder_due(now)) {
    service_.remind(service_gap(), now);
  }
}

}  // namespace zooid::server
