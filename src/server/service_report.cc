#include "server/service_report.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/duration_text.h"
#include "base/log.h"

namespace zooid::server {
namespace {

std::string voter_text(const VoterNews& voter, int64_t now_us) {
  std::string text = fmt::format("server {}", voter.id.value);
  if (!voter.trouble.empty() && !voter.is_connected) {
    text += fmt::format(" cannot be reached ({})", voter.trouble);
    if (voter.heard_us < 0) return text;
    return text +
           fmt::format(", its last vote came {} ago", duration_text(now_us - voter.heard_us));
  }
  if (voter.heard_us < 0) return text + " has sent no vote";
  return text + fmt::format("{} its last vote came {} ago",
                            voter.is_connected ? " is connected," : ":",
                            duration_text(now_us - voter.heard_us));
}

}  // namespace

std::string describe(const ServiceGap& situation, int64_t now_us) {
  std::string text = situation.own_trouble;
  const auto add = [&](const std::string& part) {
    if (!text.empty()) text += "; ";
    text += part;
  };
  if (situation.voters > 0) {
    const auto here =
        1 + static_cast<size_t>(std::ranges::count_if(situation.others, &VoterNews::is_connected));
    add(fmt::format("{} of {} voters are needed, {} {} here", situation.needed, situation.voters,
                    here, here == 1 ? "is" : "are"));
    for (const VoterNews& voter : situation.others) add(voter_text(voter, now_us));
  }
  if (situation.serves_read_only) add("clients that accept a read-only server are served");
  return text;
}

void ServiceReport::on_start(size_t voters, size_t needed, Now now) {
  since_us_ = now.mono_us;
  remind_at_us_ = now.mono_us + kRemindEveryUs;
  if (voters < 2) return;
  log::info("waiting for the other servers: {} of {} voters are needed to serve clients", needed,
            voters);
}

void ServiceReport::begin(std::string_view role, Now now) {
  const int64_t away_us = now.mono_us - since_us_;
  if (const auto more = limit_.admit(std::to_string(++changes_), now.mono_us)) {
    if (has_served_) {
      log::info("serving clients again after {}, as {}{}", duration_text(away_us), role,
                left_out_text(*more));
    } else {
      log::info("serving clients, as {}{}", role, left_out_text(*more));
    }
  }
  is_serving_ = has_served_ = true;
  since_us_ = now.mono_us;
  remind_at_us_ = kNever;
  role_ = role;
}

void ServiceReport::on_lost(std::string_view why, Now now) {
  if (!is_serving_) return;
  if (const auto more = limit_.admit(std::to_string(++changes_), now.mono_us)) {
    log::warn("no longer serving clients, after {} as {}: {}{}",
              duration_text(now.mono_us - since_us_), role_, why, left_out_text(*more));
  }
  is_serving_ = false;
  since_us_ = now.mono_us;
  remind_at_us_ = now.mono_us + kRemindEveryUs;
}

void ServiceReport::remind(const ServiceGap& situation, Now now) {
  remind_at_us_ = now.mono_us + kRemindEveryUs;
  log::warn("not serving clients for {}: {}", duration_text(now.mono_us - since_us_),
            describe(situation, now.mono_us));
}

}  // namespace zooid::server
