// The file that keeps the records of the last elections: a header line with the format version,
// then one record a line, oldest first.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "base/error.h"
#include "zab/election_record.h"

namespace zooid::zab {

inline constexpr std::string_view kElectionJournalHeader = "zooid-elections 1";
inline constexpr size_t kElectionJournalRecordsMax = 100;

std::string render_journal(const std::deque<ElectionRecord>& records);
// Damaged lines are dropped; an unknown format version is an error (kCorrupt).
Result<std::deque<ElectionRecord>> parse_journal(std::string_view content);

// dataDir -> path of the file.
inline std::string election_journal_path(const std::string& data_directory) {
  return data_directory + "/zooid/elections";
}

}  // namespace zooid::zab
