#include "storage/log_index.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::storage {

void LogIndex::add(const LogMark& mark) {
  std::vector<LogMark>& marks = files_[mark.file];
  if (!marks.empty() &&
      (mark.offset < marks.back().offset + kStepBytes || mark.zxid <= marks.back().zxid)) {
    return;
  }
  marks.push_back(mark);
  ++size_;
  if (size_ <= kMarksMax || files_.size() == 1) return;
  MARK("storage.log_index_full");
  forget_file(files_.begin()->first);
}

void LogIndex::cut_after(Zxid zxid) {
  for (auto it = files_.begin(); it != files_.end();) {
    std::vector<LogMark>& marks = it->second;
    const auto kept = std::ranges::upper_bound(marks, zxid, {}, &LogMark::zxid);
    size_ -= static_cast<size_t>(marks.end() - kept);
    marks.erase(kept, marks.end());
    it = marks.empty() ? files_.erase(it) : std::next(it);
  }
}

void LogIndex::forget_file(Zxid file) {
  const auto it = files_.find(file);
  if (it == files_.end()) return;
  ASSERT(size_ >= it->second.size());
  size_ -= it->second.size();
  files_.erase(it);
}

std::optional<LogMark> LogIndex::find(Zxid file, Zxid zxid) const {
  const auto it = files_.find(file);
  if (it == files_.end()) return std::nullopt;
  const auto above = std::ranges::upper_bound(it->second, zxid, {}, &LogMark::zxid);
  if (above == it->second.begin()) return std::nullopt;
  return *std::prev(above);
}

}  // namespace zooid::storage
