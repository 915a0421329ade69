#include "zab/election_journal.h"

#include <utility>

namespace zooid::zab {

std::string render_journal(const std::deque<ElectionRecord>& records) {
  std::string content(kElectionJournalHeader);
  content += '\n';
  for (const ElectionRecord& record : records) {
    content += to_line(record);
    content += '\n';
  }
  return content;
}

Result<std::deque<ElectionRecord>> parse_journal(std::string_view content) {
  std::deque<ElectionRecord> records;
  bool is_first = true;
  while (!content.empty()) {
    const size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (std::exchange(is_first, false)) {
      if (line == kElectionJournalHeader) continue;
      return fail(Error::Kind::kCorrupt,
                  "unknown format version '" + std::string(line.substr(0, 40)) + "'");
    }
    if (auto record = from_line(line)) records.push_back(std::move(*record));
  }
  return records;
}

}  // namespace zooid::zab
