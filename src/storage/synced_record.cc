#include "storage/synced_record.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "storage/log_file.h"

namespace zooid::storage {
namespace {

constexpr size_t kLineBytes = 64;
// More log files than anybody keeps; with the oldest ones forgotten.
constexpr size_t kLinesMax = 255;
constexpr std::string_view kFirstLine = "zooid-synced 1";
constexpr uint64_t kFileBytesMax = 4u << 20;  // rule 15

std::string line_of(std::string_view text) {
  ASSERT(text.size() < kLineBytes);
  return fmt::format("{:<{}}\n", text, kLineBytes - 1);
}

std::string record_line(Zxid file, uint64_t bytes) {
  const std::string text = fmt::format("{} {}", log_file_name(file), bytes);
  return line_of(fmt::format("{} {:08x}", text, libdeflate_adler32(1, text.data(), text.size())));
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct Line {
  Zxid file;
  uint64_t bytes;
};

std::optional<Line> parse_line(std::string_view line) {
  line = line.substr(0, line.find_last_not_of(" \n") + 1);
  const size_t second = line.rfind(' ');
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view text = line.substr(0, second);
  const auto checksum = parse_number<uint32_t>(line.substr(second + 1), 16);
  if (!checksum || *checksum != libdeflate_adler32(1, text.data(), text.size())) {
    return std::nullopt;
  }
  const size_t first = text.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const auto file = parse_log_file_name(text.substr(0, first));
  const auto bytes = parse_number<uint64_t>(text.substr(first + 1), 10);
  if (!file || !bytes) return std::nullopt;
  return Line{*file, *bytes};
}

std::string render(const SyncedBytes& synced) {
  std::string content = line_of(kFirstLine);
  for (const auto& [file, bytes] : synced) content += record_line(file, bytes);
  return content;
}

void forget_oldest(SyncedBytes& synced) {
  while (synced.size() > kLinesMax) synced.erase(synced.begin());
}

}  // namespace

std::string synced_record_path(const std::string& own_directory) {
  return own_directory + "/synced";
}

Result<SyncedBytes> read_synced_record(env::FileSystem& files, const std::string& own_directory) {
  const std::string path = synced_record_path(own_directory);
  SyncedBytes synced;
  if (!files.exists(path)) return synced;
  TRY_VALUE(content, env::read_file(files, path, kFileBytesMax));
  if (content.substr(0, kLineBytes) != line_of(kFirstLine)) {
    MARK("storage.synced_record_unknown");
    TRY(files.rename(path, path + ".old"));
    return synced;
  }
  for (size_t at = kLineBytes; at + kLineBytes <= content.size(); at += kLineBytes) {
    const auto line = parse_line(std::string_view(content).substr(at, kLineBytes));
    if (line) synced[line->file] = line->bytes;
  }
  forget_oldest(synced);
  return synced;
}

Result<> replace_synced_record(env::FileSystem& files, const std::string& own_directory,
                               const SyncedBytes& synced) {
  TRY(files.make_directories(own_directory));
  return env::write_file_atomically(files, synced_record_path(own_directory), render(synced));
}

Result<> lower_synced_record(env::FileSystem& files, const std::string& own_directory,
                             const SyncedBytes& synced) {
  if (replace_synced_record(files, own_directory, synced)) return {};
  const std::string path = synced_record_path(own_directory);
  if (files.exists(path)) TRY(files.remove(path));
  return files.sync_directory(own_directory);
}

Result<> SyncedRecordWriter::load() {
  if (is_loaded_) return {};
  TRY_VALUE(synced, read_synced_record(files_, own_directory_));
  synced_ = std::move(synced);
  is_loaded_ = true;
  return {};
}

void SyncedRecordWriter::note(Zxid file, uint64_t bytes) {
  if (own_directory_.empty() || is_broken_) return;
  if (auto written = write_line(file, bytes); !written) {
    MARK("storage.synced_record_failed");
    log::warn("what is synced is not noted any more: {}", written.error().message);
    is_broken_ = true;
    file_.reset();
  }
}

Result<> SyncedRecordWriter::write_line(Zxid file, uint64_t bytes) {
  if (file_ == nullptr) {
    TRY(load());
    const bool is_new = !files_.exists(synced_record_path(own_directory_));
    TRY(files_.make_directories(own_directory_));
    TRY_VALUE(opened, files_.open(synced_record_path(own_directory_), env::OpenMode::kCreate));
    file_ = std::move(opened);
    if (is_new) TRY(file_->write_at(0, line_of(kFirstLine)));
    // Where each line stands: as render() wrote them, if nobody has since.
    lines_.assign(kLinesMax, std::nullopt);
    next_line_ = 0;
    std::string content(kLineBytes * (kLinesMax + 1), '\0');
    TRY_VALUE(count, file_->read_at(0, content));
    content.resize(count);
    for (size_t at = kLineBytes, i = 0; at + kLineBytes <= count; at += kLineBytes, ++i) {
      const auto line = parse_line(std::string_view(content).substr(at, kLineBytes));
      if (line) lines_[i] = line->file;
      next_line_ = (i + 1) % kLinesMax;
    }
  }
  auto line = std::ranges::find(lines_, std::optional(file));
  if (line == lines_.end()) {
    line = lines_.begin() + static_cast<ptrdiff_t>(next_line_);
    next_line_ = (next_line_ + 1) % kLinesMax;
    if (*line) synced_.erase(**line);
    *line = file;
  }
  synced_[file] = bytes;
  const auto index = static_cast<uint64_t>(line - lines_.begin());
  return file_->write_at((index + 1) * kLineBytes, record_line(file, bytes));
}

Result<> SyncedRecordWriter::lower(Zxid first, uint64_t bytes_before) {
  if (own_directory_.empty()) return {};
  const bool is_known = load().has_value() && !is_broken_;
  SyncedBytes lowered(synced_.begin(), synced_.lower_bound(first));
  if (!lowered.empty()) {
    uint64_t& last = lowered.rbegin()->second;
    last = std::min(last, bytes_before);
  }
  if (is_known && lowered == synced_) return {};
  MARK("storage.synced_record_lowered");
  file_.reset();
  TRY(lower_synced_record(files_, own_directory_, lowered));
  is_loaded_ = false;  // as it is now
  is_broken_ = false;
  return {};
}

void SyncedRecordWriter::reset() {
  file_.reset();
  synced_.clear();
  is_loaded_ = false;
}

}  // namespace zooid::storage
