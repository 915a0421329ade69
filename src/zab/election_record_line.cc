// An election record as one line, a JSON object with these keys in this order:
//
//   {"v":1,"self":1,"started":<wall ms>,"round":7,"why":"…",
//    "events":[[kind,at_us,peer,state,<vote>],…],"dropped":0,
//    "winner":[<vote>],"runner_up":[<vote>],"rule":1,"role":2,
//    "early":"…","abandoned":"…","new_epoch":3,"sync":"…",
//    "detect":-1,"elect":12,"discover":-1,"synchronise":-1,"first_commit":-1}
//
// <vote> is leader,"0x<zxid>",round,epoch. winner and runner_up are left out when absent; kinds,
// states and rules are the numbers of their enumerations. zxids are text because readers in other
// languages keep only 53 bits of a number. Whatever differs is damage: a reader skips the line.
#include <fmt/core.h>

#include <charconv>

#include "zab/election_record.h"

namespace zooid::zab {
namespace {

constexpr int64_t kFormatVersion = 1;

// Appends text as a JSON string.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string vote_fields(const Vote& vote) {
  return fmt::format("{},\"0x{:x}\",{},{}", vote.leader.value,
                     static_cast<uint64_t>(vote.zxid.value), vote.round, vote.epoch);
}

// Reads exactly what to_line writes, from left to right. After the first mismatch it stays failed
// and gives zeroes.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

  bool accept(std::string_view token) {
    if (failed_ || !rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) failed_ = true;
  }

  int64_t number() {
    int64_t value = 0;
    take_number(value, 10);
    return value;
  }
  int64_t number_in(int64_t lowest, int64_t highest) {
    const int64_t value = number();
    if (value < lowest || value > highest) failed_ = true;
    return failed_ ? lowest : value;
  }

  Vote vote() {
    Vote vote;
    vote.leader.value = number();
    expect(",\"0x");
    uint64_t zxid = 0;
    take_number(zxid, 16);
    vote.zxid.value = static_cast<int64_t>(zxid);
    expect("\",");
    vote.round = number();
    expect(",");
    vote.epoch = number();
    return vote;
  }

  std::string string() {
    std::string text;
    expect("\"");
    while (!failed_ && !accept("\"")) {
      if (accept("\\u")) {
        append_escaped(text);
      } else if (accept("\\")) {
        take_character(text);
      } else {
        take_character(text);
      }
    }
    return text;
  }

 private:
  template <class Integer>
  void take_number(Integer& value, int base) {
    if (failed_) return;
    const char* end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, value, base);
    if (error != std::errc{}) {
      failed_ = true;
      value = 0;
      return;
    }
    rest_.remove_prefix(static_cast<size_t>(stop - rest_.data()));
  }

  void take_character(std::string& text) {
    if (rest_.empty()) {
      failed_ = true;
      return;
    }
    text += rest_[0];
    rest_.remove_prefix(1);
  }

  void append_escaped(std::string& text) {
    unsigned value = 0;
    const std::string_view digits = rest_.substr(0, 4);
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || digits.size() != 4 || stop != digits.data() + 4 || value > 0x7f) {
      failed_ = true;
      return;
    }
    text += static_cast<char>(value);
    rest_.remove_prefix(4);
  }

  std::string_view rest_;
  bool failed_ = false;
};

ElectionEvent read_event(LineReader& reader) {
  ElectionEvent event;
  event.kind = static_cast<ElectionEvent::Kind>(
      reader.number_in(0, static_cast<int64_t>(ElectionEvent::Kind::kDecided)));
  reader.expect(",");
  event.at_us = reader.number();
  reader.expect(",");
  event.peer.value = reader.number();
  reader.expect(",");
  event.state = static_cast<wire::PeerState>(reader.number_in(0, 3));
  reader.expect(",");
  event.vote = reader.vote();
  return event;
}

void read_events(LineReader& reader, ElectionRecord& record) {
  reader.expect(",\"events\":[");
  while (!reader.failed() && reader.accept(record.events.empty() ? "[" : ",[")) {
    if (record.events.size() == ElectionRecord::kEventsMax) return reader.expect("at most");
    record.events.push_back(read_event(reader));
    reader.expect("]");
  }
  reader.expect("]");
}

std::optional<Vote> read_optional_vote(LineReader& reader, std::string_view key) {
  if (!reader.accept(key)) return std::nullopt;
  const Vote vote = reader.vote();
  reader.expect("]");
  return vote;
}

}  // namespace

std::string to_line(const ElectionRecord& record) {
  std::string line =
      fmt::format(R"({{"v":{},"self":{},"started":{},"round":{},"why":)", kFormatVersion,
                  record.self.value, record.started_wall_ms, record.round);
  append_string(line, record.why);
  line += R"(,"events":[)";
  for (const ElectionEvent& event : record.events) {
    line += fmt::format("{}[{},{},{},{},{}]", &event == &record.events.front() ? "" : ",",
                        static_cast<int>(event.kind), event.at_us, event.peer.value,
                        static_cast<int>(event.state), vote_fields(event.vote));
  }
  line += fmt::format(R"(],"dropped":{})", record.dropped_events);
  if (record.winner) line += fmt::format(R"(,"winner":[{}])", vote_fields(*record.winner));
  if (record.runner_up) line += fmt::format(R"(,"runner_up":[{}])", vote_fields(*record.runner_up));
  line += fmt::format(R"(,"rule":{},"role":{},"early":)", static_cast<int>(record.rule),
                      static_cast<int>(record.role));
  append_string(line, record.early_reason);
  line += R"(,"abandoned":)";
  append_string(line, record.abandoned);
  line += fmt::format(R"(,"new_epoch":{},"sync":)", record.new_epoch);
  append_string(line, record.sync);
  line +=
      fmt::format(R"(,"detect":{},"elect":{},"discover":{},"synchronise":{},"first_commit":{}}})",
                  record.detect_us, record.elect_us, record.discover_us, record.synchronise_us,
                  record.first_commit_us);
  return line;
}

std::optional<ElectionRecord> from_line(std::string_view line) {
  LineReader reader(line);
  const auto number = [&](std::string_view key) {
    reader.expect(key);
    return reader.number();
  };
  const auto number_in = [&](std::string_view key, int64_t highest) {
    reader.expect(key);
    return reader.number_in(0, highest);
  };
  const auto string = [&](std::string_view key) {
    reader.expect(key);
    return reader.string();
  };
  if (number(R"({"v":)") != kFormatVersion) return std::nullopt;
  ElectionRecord record;
  record.self.value = number(R"(,"self":)");
  record.started_wall_ms = number(R"(,"started":)");
  record.round = number(R"(,"round":)");
  record.why = string(R"(,"why":)");
  read_events(reader, record);
  record.dropped_events = static_cast<uint32_t>(number_in(R"(,"dropped":)", UINT32_MAX));
  record.winner = read_optional_vote(reader, R"(,"winner":[)");
  record.runner_up = read_optional_vote(reader, R"(,"runner_up":[)");
  record.rule = static_cast<DecidingRule>(
      number_in(R"(,"rule":)", static_cast<int64_t>(DecidingRule::kJoinedExisting)));
  record.role = static_cast<wire::PeerState>(number_in(R"(,"role":)", 3));
  record.early_reason = string(R"(,"early":)");
  record.abandoned = string(R"(,"abandoned":)");
  record.new_epoch = number(R"(,"new_epoch":)");
  record.sync = string(R"(,"sync":)");
  record.detect_us = number(R"(,"detect":)");
  record.elect_us = number(R"(,"elect":)");
  record.discover_us = number(R"(,"discover":)");
  record.synchronise_us = number(R"(,"synchronise":)");
  record.first_commit_us = number(R"(,"first_commit":)");
  reader.expect("}");
  if (reader.failed() || !reader.at_end()) return std::nullopt;
  return record;
}

}  // namespace zooid::zab
