// The transaction log file (storage-formats 2). All of its format is here and in log_file.cc.
//
//   header  16 bytes   magic int32 "ZKLG", version int32 2, dbid int64 0
//   entry              checksum int64 (Adler-32 of the N bytes, zero-extended), N int32,
//                      N transaction bytes, 0x42 'B'
//   …                  more entries
//   zeros              padding to the end, of any length
//
// The file is named log.<zxid of its first transaction in lower-case hex>.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "env/file_system.h"

namespace zooid::storage {

inline constexpr uint64_t kLogHeaderBytes = 16;
inline constexpr uint64_t kLogEntryOverheadBytes = 13;  // checksum, length, end mark
inline constexpr uint64_t kLogEntryFrontBytes = 12;     // checksum, length
inline constexpr uint64_t kTxnHeaderBytes = 32;         // the least a transaction can have
inline constexpr char kLogEntryEndMark = 'B';
// What one write of the log worker holds at most, unless a single entry is larger: so much behind a
// bad entry can belong to the same torn batch (rule 8).
inline constexpr uint64_t kLogBatchBytesMax = 4u << 20;

void append_log_header(std::string& out);
void append_log_entry(std::string& out, std::string_view txn);
std::string log_file_name(Zxid first);
// nullopt: not the name of a log file.
std::optional<Zxid> parse_log_file_name(std::string_view name);
// The zxid in the bytes of a transaction of at least kTxnHeaderBytes.
Zxid zxid_of_txn(std::string_view txn);
// Is there a whole entry with a right checksum at the front of `bytes`? Its length, or 0.
uint64_t measure_valid_entry(std::string_view bytes);

// May `next` be the transaction logged right after `before`? Its successor, or the first one of a
// later epoch. Equal ones come in pairs: ZooKeeper 3.9.5 gives some error transactions the zxid of
// the one before.
bool may_follow(Zxid before, Zxid next);

// Reads the entries of one log file in order. Used by one thread; another may append to the file.
class LogFileReader {
 public:
  // Why there is no next entry.
  enum class Stop {
    kNone,       // there was one
    kZeros,      // a length of 0: padding
    kEndOfFile,  // the file ends inside the entry, or right before it
    kNoEndMark,
    kLength,  // a length that no entry has
    kChecksum,
  };

  // A file that is shorter than its header, or whose header is zero (torn at creation), has no
  // entries and stops at offset 0. kCorrupt: another kind of file.
  static Result<LogFileReader> open(env::FileSystem& files, std::string path);

  // False: stop() tells why, entry_offset() where; it stays so until reread().
  Result<bool> next();
  // Valid until the next call of next() or reread().
  std::string_view txn() const { return txn_; }
  Zxid zxid() const { return zxid_; }
  // Of the entry given last, or of the place where there was none.
  uint64_t entry_offset() const { return entry_offset_; }
  // Behind the last entry given (behind the header if there was none).
  uint64_t entry_end() const { return position_; }
  Stop stop() const { return stop_; }
  // Stops that a torn or unfinished write leaves and that ZooKeeper, too, takes for the file's end.
  bool stopped_at_end() const {
    return stop_ == Stop::kZeros || stop_ == Stop::kEndOfFile || stop_ == Stop::kNoEndMark;
  }
  static const char* describe(Stop stop);

  // Forgets what is buffered: the file may have grown.
  Result<> reread();
  // Makes the entry at `offset` the next one, if a whole entry of transaction `zxid` stands there.
  // If not (false), this reader is of no use any more.
  Result<bool> go_to(uint64_t offset, Zxid zxid);
  env::File& file() { return *file_; }
  uint64_t file_bytes() const { return file_bytes_; }

 private:
  LogFileReader(std::unique_ptr<env::File> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}
  Result<> read_header();
  // At least `bytes` from position_ on, or all that the file has.
  Result<std::string_view> peek(uint64_t bytes);
  bool stop_here(Stop why);

  std::unique_ptr<env::File> file_;
  std::string path_;
  uint64_t file_bytes_ = 0;
  uint64_t position_ = 0;
  uint64_t entry_offset_ = 0;
  Stop stop_ = Stop::kNone;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;  // of its first byte in the file
  uint64_t buffered_ = 0;
  std::string_view txn_;
  Zxid zxid_;
};

}  // namespace zooid::storage
