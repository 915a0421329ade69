// Seeds from the captured bytes of tests/golden.
#include <filesystem>
#include <map>

#include "fuzz/targets.h"
#include "wire/golden_files.h"
#include "zab/hostile_peers.h"

namespace zooid::fuzz {
namespace {

namespace golden = wire::golden;

// The hexadecimal column `column` (negative: from the end) of the lines that begin with one of
// `kinds` (any, if empty); joined per stream if `joins`.
void add_table(std::vector<std::string>& all, const std::string& name, int column,
               const std::string& kind, bool joins) {
  std::string stream;
  for (const auto& row : golden::read_table(name)) {
    if (row[0] == "stream") {
      if (!stream.empty()) all.push_back(std::exchange(stream, ""));
      continue;
    }
    if (!kind.empty() && row[0] != kind && !joins) continue;
    const int at = column < 0 ? static_cast<int>(row.size()) + column : column;
    if (at < 0 || at >= static_cast<int>(row.size())) continue;
    const std::string& text = row[static_cast<size_t>(at)];
    if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
      continue;
    }
    if (joins) {
      stream += golden::unhex(text);
    } else {
      all.push_back(golden::unhex(text));
    }
  }
  if (!stream.empty()) all.push_back(stream);
}

std::vector<std::string> files_of(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden::path_of(folder))) {
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> client_frames() {
  std::vector<std::string> all;
  for (const char* release : {"client/3.8.0.txt", "client/3.9.5.txt"}) {
    add_table(all, release, 1, "", false);
  }
  return all;
}

std::vector<std::string> record_bodies() {
  std::vector<std::string> all;
  for (const std::string& frame : client_frames()) {
    if (frame.size() < 12) continue;
    for (char which = 0; which < 14; ++which) all.push_back(which + frame.substr(12));
  }
  return all;
}

std::vector<std::string> snapshots() {
  std::vector<std::string> all;
  for (const std::string& path : files_of("storage", "snapshot.")) {
    const char kind = path.ends_with(".gz") ? 1 : path.ends_with(".snappy") ? 2 : 0;
    all.push_back(kind + golden::read_file(path));
  }
  return all;
}

// Most of a log file is the padding that was laid out in advance.
std::vector<std::string> logs() {
  std::vector<std::string> all;
  for (const std::string& path : files_of("storage", "log.")) {
    const std::string bytes = golden::read_file(path);
    all.push_back(bytes.substr(0, std::min<size_t>(bytes.find_last_not_of('\0') + 17, 32 * 1024)));
  }
  return all;
}

std::vector<std::string> configurations() {
  std::vector<std::string> all = {
      "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/data\nclientPort=2181\n"
      "server.1=[::1]:2888:3888\nserver.2=b:2888:3888:participant;0.0.0.0:2181\n",
      "dataDir=/data\\\n/more\nclientPort : 2181\n! remark\nautopurge.purgeInterval 24\n"
      "4lw.commands.whitelist=*\nserver.1=a\\:2888\\:3888\ngroup.1=1:2:3\nweight.1=1\n"};
  for (const std::string& path : files_of("membership", "")) all.push_back(golden::read_file(path));
  return all;
}

}  // namespace

std::vector<std::string> corpus_of(std::string_view target) {
  std::vector<std::string> all;
  if (target == "frames" || target == "four_letter_words") all = client_frames();
  if (target == "four_letter_words") {
    for (const char* word : {"ruok", "srvr", "mntr", "stat", "cons", "dump", "envi", "conf", "wchs",
                             "wchc", "wchp", "dirs", "isro", "crst", "srst", "gtmk", "hash"}) {
      all.emplace_back(word);
    }
    all.emplace_back("stmk\0\0\0\0\0\0\0\1", 12);
  }
  if (target == "records") all = record_bodies();
  if (target == "txn_log") all = logs();
  if (target == "snapshot") all = snapshots();
  if (target == "zoo_cfg") all = configurations();
  if (target == "leader_packets" || target == "learner_packets" || target == "election_messages") {
    constexpr uint64_t kSeeds = 60;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      all.push_back(zab::testing::random_choices(seed, 400));
    }
  }
  const bool is_election = target == "election_stream";
  if (is_election || target == "quorum_stream") {
    const std::string folder = is_election ? "election" : "quorum";
    for (const std::string& path : files_of(folder, "e")) {
      add_table(all, folder + "/" + std::filesystem::path(path).filename().string(), -1, "", true);
    }
  }
  return all;
}

}  // namespace zooid::fuzz
