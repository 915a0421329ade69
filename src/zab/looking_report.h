// What a server that looks for a leader knows while it looks: since when, whom it heard, whose host
// refuses, who is silent. It lies in dataDir/zooid/looking from half a second after the election
// began until it is decided, so that `zooid explain` can tell why nobody leads. The file:
//
//   zooid-looking 1
//   written <wall ms> votes <0 or 1: a voter itself> heard <voter>...
//   <the record of the election as one line, election_record_line.cc>
//
// with <voter> = <id>:<wall ms of its last message, or 0>:<1 if its host refuses, or 0>.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "zab/election_record.h"

namespace zooid::zab {

inline constexpr std::string_view kLookingHeader = "zooid-looking 1";

struct LookingReport {
  struct Voter {
    ServerId id;
    int64_t heard_wall_ms = 0;  // its last message in this election; 0: none
    bool is_refusing = false;   // its host refused the last connection attempt
    bool operator==(const Voter&) const = default;
  };
  int64_t written_wall_ms = 0;
  bool is_voter = true;       // this server is one itself
  std::vector<Voter> voters;  // the others, by id
  ElectionRecord record;      // without a winner

  size_t voter_count() const { return voters.size() + (is_voter ? 1 : 0); }
  size_t quorum() const { return voter_count() / 2 + 1; }
  // This server and those it heard whose host does not refuse.
  size_t heard_count() const;
};

std::string render_looking(const LookingReport& report);
// kCorrupt: damage, or an unknown format version.
Result<LookingReport> parse_looking(std::string_view content);
// A readable block: since when nobody leads as far as this server knows, what is missing, and what
// the record tells. `now_wall_ms`: of the reader; a report that was not renewed lately says so.
std::string describe(const LookingReport& report, int64_t now_wall_ms);

// "heard", "refuses" or "silent".
const char* voter_word(const LookingReport::Voter& voter);

// dataDir -> path of the file.
inline std::string looking_path(const std::string& data_directory) {
  return data_directory + "/zooid/looking";
}

}  // namespace zooid::zab
