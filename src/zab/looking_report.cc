#include "zab/looking_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/duration_text.h"
#include "base/time.h"

namespace zooid::zab {
namespace {

// The server renews it every two seconds.
constexpr int64_t kOldMs = 10'000;

std::string_view take_line(std::string_view& content) {
  const size_t end = content.find('\n');
  const std::string_view line = content.substr(0, end);
  content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  return line;
}

// Takes a number that `end` follows; false if there is none.
bool take_number(std::string_view& text, int64_t& value, std::string_view end) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  if (!text.starts_with(end)) return false;
  text.remove_prefix(end.size());
  return true;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool read_voters(std::string_view line, LookingReport& report) {
  int64_t self = 0;
  if (!take_word(line, "written ") || !take_number(line, report.written_wall_ms, " ")) return false;
  if (!take_word(line, "votes ") || !take_number(line, self, " heard")) return false;
  report.is_voter = self != 0;
  while (!line.empty()) {
    LookingReport::Voter voter;
    int64_t refuses = 0;
    if (!take_word(line, " ") || !take_number(line, voter.id.value, ":") ||
        !take_number(line, voter.heard_wall_ms, ":") || !take_number(line, refuses, "")) {
      return false;
    }
    voter.is_refusing = refuses != 0;
    report.voters.push_back(voter);
  }
  return true;
}

std::string voter_text(const LookingReport::Voter& voter, int64_t written_wall_ms) {
  const std::string heard =
      voter.heard_wall_ms == 0
          ? std::string("not heard since then")
          : "last heard " + duration_text(ms_to_us(written_wall_ms - voter.heard_wall_ms)) +
                " before that";
  if (voter.is_refusing) {
    return "refuses the connection: nothing listens on its election port; " + heard;
  }
  if (voter.heard_wall_ms != 0) return heard;
  return "silent: neither an answer nor a refusal (host down, network, frozen?)";
}

}  // namespace

size_t LookingReport::heard_count() const {
  const auto heard = std::ranges::count_if(
      voters, [](const Voter& voter) { return voter.heard_wall_ms != 0 && !voter.is_refusing; });
  return static_cast<size_t>(heard) + (is_voter ? 1 : 0);
}

const char* voter_word(const LookingReport::Voter& voter) {
  if (voter.is_refusing) return "refuses";
  return voter.heard_wall_ms != 0 ? "heard" : "silent";
}

std::string render_looking(const LookingReport& report) {
  std::string text = fmt::format("{}\nwritten {} votes {} heard", kLookingHeader,
                                 report.written_wall_ms, report.is_voter ? 1 : 0);
  for (const LookingReport::Voter& voter : report.voters) {
    text +=
        fmt::format(" {}:{}:{}", voter.id.value, voter.heard_wall_ms, voter.is_refusing ? 1 : 0);
  }
  return text + "\n" + to_line(report.record) + "\n";
}

Result<LookingReport> parse_looking(std::string_view content) {
  if (take_line(content) != kLookingHeader) {
    return fail(Error::Kind::kCorrupt, "unknown format version");
  }
  LookingReport report;
  if (!read_voters(take_line(content), report)) {
    return fail(Error::Kind::kCorrupt, "damaged line of voters");
  }
  auto record = from_line(take_line(content));
  if (!record) return fail(Error::Kind::kCorrupt, "damaged record");
  report.record = std::move(*record);
  return report;
}

std::string describe(const LookingReport& report, int64_t now_wall_ms) {
  const ElectionRecord& record = report.record;
  const int64_t age_ms = now_wall_ms - report.written_wall_ms;
  std::string text = fmt::format(
      "Nobody leads, as far as this server ({}) knows: it has been looking for {}, as of {} ago.\n",
      record.self.value, duration_text(ms_to_us(report.written_wall_ms - record.started_wall_ms)),
      duration_text(ms_to_us(age_ms)));
  if (age_ms > kOldMs) {
    text += "  It did not renew this since: it does not run any more, or hangs.\n";
  }
  const size_t heard = report.heard_count();
  const size_t quorum = report.quorum();
  text += fmt::format("  Heard from {} of {} voters{}; a quorum is {}: {}\n", heard,
                      report.voter_count(), report.is_voter ? ", itself included" : "", quorum,
                      heard < quorum ? fmt::format("{} more needed.", quorum - heard)
                                     : "enough, so a leader should be found soon.");
  for (const LookingReport::Voter& voter : report.voters) {
    text += fmt::format("    server {} {}\n", voter.id.value,
                        voter_text(voter, report.written_wall_ms));
  }
  return text + describe(record);
}

}  // namespace zooid::zab
