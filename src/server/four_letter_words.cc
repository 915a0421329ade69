#include "server/four_letter_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "server/client_connection.h"
#include "server/word_reports.h"

namespace zooid::server {
namespace {

constexpr std::string_view kNotServing =
    "This ZooKeeper instance is not currently serving requests\n";
constexpr std::string_view kNoFacts = "The replica of this server did not answer within 1 s\n";

enum class Facts { kNone, kPlain, kSessions, kDirectories };
struct Word {
  std::string_view name;
  bool is_always_answered;  // also by a server that does not serve
  Facts facts;
};
constexpr std::array kWords = {
    Word{"conf", false, Facts::kDirectories}, Word{"cons", false, Facts::kNone},
    Word{"crst", false, Facts::kNone},        Word{"dirs", false, Facts::kDirectories},
    Word{"dump", false, Facts::kSessions},    Word{"envi", true, Facts::kNone},
    Word{"gtmk", true, Facts::kNone},         Word{"hash", false, Facts::kNone},
    Word{"isro", true, Facts::kNone},         Word{"mntr", false, Facts::kPlain},
    Word{"ruok", true, Facts::kNone},         Word{"srst", false, Facts::kNone},
    Word{"srvr", false, Facts::kPlain},       Word{"stat", false, Facts::kPlain},
    Word{"stmk", true, Facts::kNone},         Word{"wchc", false, Facts::kNone},
    Word{"wchp", false, Facts::kNone},        Word{"wchs", false, Facts::kNone},
};

const Word* find_word(std::string_view name) {
  const auto it = std::find_if(kWords.begin(), kWords.end(),
                               [&](const Word& word) { return word.name == name; });
  return it == kWords.end() ? nullptr : &*it;
}

bool is_allowed(const ShardCore& core, std::string_view word) {
  const auto& allowed = core.config.four_letter_words;
  // Clients in read-only mode look for another server with this word.
  if (word == "isro" && core.config.read_only_mode_enabled) return true;
  return allowed.contains("*") || allowed.contains(std::string(word));
}

std::string watch_summary(const ShardCore& core) {
  return fmt::format("{} connections watching {} paths\nTotal watches:{}\n",
                     core.watches.watcher_count(), core.watches.path_count(),
                     core.watches.watch_count());
}

std::string answer_with_facts(const ShardCore& core, const Word& word, const ReplicaFacts& facts,
                              std::optional<LongAnswer>& list) {
  if (word.name == "srvr") return version_line(core) + server_report(core, facts);
  if (word.name == "stat") {
    list = LongAnswer{LongAnswer::List::kClients, "\n" + server_report(core, facts)};
    return version_line(core) + "Clients:\n";
  }
  if (word.name == "mntr") return monitor_report(core, facts);
  if (word.name == "conf") return configuration_report(core, facts);
  if (word.name == "dump") {
    list = LongAnswer{LongAnswer::List::kEphemerals, ""};
    list->owners = facts.ephemeral_owners;
    return session_report(facts);
  }
  ASSERT(word.name == "dirs");
  return fmt::format("datadir_size: {}\nlogdir_size: {}\n", facts.data_dir_bytes,
                     facts.log_dir_bytes);
}

// The words whose answer is a list.
std::optional<LongAnswer> list_of(const Word& word) {
  using List = LongAnswer::List;
  if (word.name == "cons") return LongAnswer{List::kConnections, "\n"};
  if (word.name == "wchc") return LongAnswer{List::kWatchesOfConnections, "\n"};
  if (word.name == "wchp") return LongAnswer{List::kWatchesOfPaths, "\n"};
  return std::nullopt;
}

std::string answer_without_facts(ShardCore& core, const Word& word, std::string_view argument) {
  if (word.name == "ruok") return "imok";
  if (word.name == "isro") {
    return !core.is_serving() ? "null" : core.is_read_only ? "ro" : "rw";
  }
  if (word.name == "envi") return environment_report(core);
  if (word.name == "gtmk") return std::to_string(core.trace_mask);
  if (word.name == "stmk") {
    wire::Reader in(argument);
    core.trace_mask = in.i64();
    return std::to_string(core.trace_mask);
  }
  if (word.name == "wchs") return watch_summary(core);
  if (word.name == "crst") {
    core.reset_connection_counters();
    return "Connection stats reset.\n";
  }
  if (word.name == "srst") {
    core.counters = ShardCounters{};
    return "Server stats reset.\n";
  }
  ASSERT(word.name == "hash");
  return {};  // no digests of the past are kept
}

}  // namespace

bool is_four_letter_word(std::string_view word) {
  return find_word(word) != nullptr;
}

size_t word_argument_bytes(std::string_view word) {
  return word == "stmk" ? sizeof(int64_t) : 0;
}

std::optional<Inspect> facts_wanted(const ShardCore& core, std::string_view name) {
  const Word* word = find_word(name);
  ASSERT(word != nullptr);
  if (!is_allowed(core, name) || word->facts == Facts::kNone) return std::nullopt;
  // A server that is out of disk space does not serve, but these words tell why (rule 30).
  if (!core.is_serving() && word->facts != Facts::kPlain) return std::nullopt;
  Inspect inspect;
  inspect.with_sessions = word->facts == Facts::kSessions;
  inspect.with_quotas = name == "mntr";
  inspect.with_directories = word->facts == Facts::kDirectories;
  return inspect;
}

std::string answer_word(ShardCore& core, std::string_view name, std::string_view argument,
                        const ReplicaFacts* facts, std::optional<LongAnswer>& list) {
  const Word* word = find_word(name);
  ASSERT(word != nullptr);
  if (!is_allowed(core, name)) {
    return fmt::format("{} is not executed because it is not in the whitelist.\n", name);
  }
  if (!core.is_serving() && !word->is_always_answered) {
    std::string text(kNotServing);
    if (facts != nullptr && !facts->trouble.empty()) text += "Trouble: " + facts->trouble + "\n";
    return text;
  }
  if (word->facts == Facts::kNone) {
    list = list_of(*word);
    return list ? std::string{} : answer_without_facts(core, *word, argument);
  }
  if (facts == nullptr) return std::string(kNoFacts);
  return answer_with_facts(core, *word, *facts, list);
}

std::string decimal_text(double value) {
  std::string text = fmt::format("{:.4f}", value);
  const size_t point = text.find('.');
  while (text.size() > point + 2 && text.back() == '0') text.pop_back();
  return text;
}

std::string connection_line(const ClientConnection& connection, bool is_long) {
  const ConnectionCounters& counters = connection.counters();
  std::string line =
      fmt::format(" /{}[{}](queued={},recved={},sent={}", connection.peer().text(),
                  connection.interest(), connection.queued(), counters.received, counters.sent);
  if (is_long && connection.is_established()) {
    line += fmt::format(
        ",sid=0x{:x},lop={},est={},to={},lcxid=0x{:x},lzxid=0x{:x},lresp={},llat={},minlat={},"
        "avglat={},maxlat={}",
        static_cast<uint64_t>(connection.session().value), counters.last_op,
        connection.established_wall_ms(), connection.timeout_ms(),
        static_cast<uint64_t>(counters.last_cxid), static_cast<uint64_t>(counters.last_zxid),
        counters.last_response_ms, counters.last_latency_ms, counters.latency.min_ms(),
        static_cast<int64_t>(counters.latency.average_ms()), counters.latency.max_ms());
  }
  return line + ")\n";
}

}  // namespace zooid::server
