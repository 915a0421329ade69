#include "storage/log_file.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "wire/fixed_bytes.h"
#include "wire/jute.h"

namespace zooid::storage {
namespace {

constexpr int32_t kMagic = 0x5a4b4c47;  // "ZKLG"
constexpr int32_t kVersion = 2;
constexpr std::string_view kPrefix = "log.";
constexpr uint64_t kReadBytes = 256u * 1024;
constexpr size_t kZxidOffset = 12;  // in a TxnHeader

uint32_t checksum_of(std::string_view bytes) {
  return libdeflate_adler32(1, bytes.data(), bytes.size());
}

}  // namespace

void append_log_header(std::string& out) {
  out.append(wire::FixedBytes<kLogHeaderBytes>().i32(kMagic).i32(kVersion).i64(0).view());
}

void append_log_entry(std::string& out, std::string_view txn) {
  ASSERT(txn.size() >= kTxnHeaderBytes);
  ASSERT(txn.size() <= INT32_MAX);
  out.append(wire::FixedBytes<kLogEntryFrontBytes>()
                 .i64(checksum_of(txn))
                 .i32(static_cast<int32_t>(txn.size()))
                 .view());
  out.append(txn);
  out.push_back(kLogEntryEndMark);
}

std::string log_file_name(Zxid first) {
  return fmt::format("{}{:x}", kPrefix, static_cast<uint64_t>(first.value));
}

std::optional<Zxid> parse_log_file_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), value, 16);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return Zxid{static_cast<int64_t>(value)};
}

Zxid zxid_of_txn(std::string_view txn) {
  ASSERT(txn.size() >= kTxnHeaderBytes);
  return Zxid{wire::Reader(txn.substr(kZxidOffset)).i64()};
}

uint64_t measure_valid_entry(std::string_view bytes) {
  if (bytes.size() < kLogEntryOverheadBytes + kTxnHeaderBytes) return 0;
  wire::Reader in(bytes);
  const int64_t checksum = in.i64();
  const int64_t length = in.i32();
  if (checksum < 0 || checksum > UINT32_MAX) return 0;
  if (length < static_cast<int64_t>(kTxnHeaderBytes)) return 0;
  const auto total = static_cast<uint64_t>(length) + kLogEntryOverheadBytes;
  if (total > bytes.size() || bytes[total - 1] != kLogEntryEndMark) return 0;
  const auto txn = bytes.substr(kLogEntryFrontBytes, static_cast<size_t>(length));
  return checksum_of(txn) == static_cast<uint64_t>(checksum) ? total : 0;
}

bool may_follow(Zxid before, Zxid next) {
  if (next == before || next == before.next()) return true;
  return next > before && next.epoch() > before.epoch() && next.counter() == 1;
}

Result<LogFileReader> LogFileReader::open(env::FileSystem& files, std::string path) {
  TRY_VALUE(file, files.open(path, env::OpenMode::kRead));
  LogFileReader reader(std::move(file), std::move(path));
  TRY(reader.reread());
  return reader;
}

Result<> LogFileReader::read_header() {
  TRY_VALUE(bytes, peek(kLogHeaderBytes));
  const std::string_view header = bytes.substr(0, kLogHeaderBytes);
  if (header.size() < kLogHeaderBytes) {
    stop_ = Stop::kEndOfFile;
  } else if (header.find_first_not_of('\0') == std::string_view::npos) {
    stop_ = Stop::kZeros;
  } else if (wire::Reader(header).i32() != kMagic) {
    return fail(Error::Kind::kCorrupt,
                fmt::format("{}: offset 0: this is not the header of a transaction log", path_));
  } else {
    position_ = entry_offset_ = kLogHeaderBytes;
  }
  return {};
}

Result<> LogFileReader::reread() {
  TRY_VALUE(bytes, file_->size());
  file_bytes_ = bytes;
  buffer_offset_ = position_;
  buffered_ = 0;
  txn_ = {};
  stop_ = Stop::kNone;
  return position_ == 0 ? read_header() : Result<>{};
}

Result<bool> LogFileReader::go_to(uint64_t offset, Zxid zxid) {
  ASSERT(offset >= kLogHeaderBytes);
  for (const bool is_looking : {true, false}) {
    position_ = entry_offset_ = offset;
    TRY(reread());
    if (!is_looking) return true;
    TRY_VALUE(is_entry, next());
    if (!is_entry || zxid_ != zxid) return false;
  }
  return true;
}

Result<std::string_view> LogFileReader::peek(uint64_t bytes) {
  ASSERT(position_ >= buffer_offset_);
  uint64_t begin = position_ - buffer_offset_;
  ASSERT(begin <= buffered_);
  if (buffered_ - begin < bytes) {
    const uint64_t kept = buffered_ - begin;
    const uint64_t left = file_bytes_ > position_ ? file_bytes_ - position_ : 0;
    const uint64_t wanted = std::min(std::max(bytes, kReadBytes), std::max(left, kept));
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + begin, kept);
    if (buffer_.size() < wanted) buffer_.resize(std::max(wanted, kReadBytes));
    TRY_VALUE(count,
              file_->read_at(position_ + kept, std::span(buffer_).subspan(kept, wanted - kept)));
    buffer_offset_ = position_;
    buffered_ = kept + count;
    begin = 0;
  }
  return std::string_view(buffer_).substr(begin, buffered_ - begin);
}

bool LogFileReader::stop_here(Stop why) {
  stop_ = why;
  txn_ = {};
  return false;
}

Result<bool> LogFileReader::next() {
  if (stop_ != Stop::kNone) return false;
  entry_offset_ = position_;
  TRY_VALUE(front, peek(kLogEntryFrontBytes));
  if (front.size() < kLogEntryFrontBytes) return stop_here(Stop::kEndOfFile);
  wire::Reader in(front);
  const int64_t checksum = in.i64();
  const int32_t length = in.i32();
  if (length == 0) return stop_here(Stop::kZeros);
  if (length < static_cast<int32_t>(kTxnHeaderBytes)) return stop_here(Stop::kLength);
  const uint64_t total = static_cast<uint64_t>(length) + kLogEntryOverheadBytes;
  if (position_ + total > file_bytes_) return stop_here(Stop::kEndOfFile);
  TRY_VALUE(entry, peek(total));
  if (entry.size() < total) return stop_here(Stop::kEndOfFile);
  if (entry[total - 1] != kLogEntryEndMark) return stop_here(Stop::kNoEndMark);
  txn_ = entry.substr(kLogEntryFrontBytes, static_cast<size_t>(length));
  if (checksum != static_cast<int64_t>(checksum_of(txn_)) &&
      !is_planted(PlantedBug::kTornTailAccepted)) {
    return stop_here(Stop::kChecksum);
  }
  zxid_ = zxid_of_txn(txn_);
  position_ += total;
  return true;
}

const char* LogFileReader::describe(Stop stop) {
  switch (stop) {
    case Stop::kNone:
      return "entry";
    case Stop::kZeros:
      return "zeros";
    case Stop::kEndOfFile:
      return "the file ends inside an entry";
    case Stop::kNoEndMark:
      return "entry without its end mark";
    case Stop::kLength:
      return "entry of an impossible length";
    case Stop::kChecksum:
      return "entry with a wrong checksum";
  }
  return "";
}

}  // namespace zooid::storage
