#include "storage/log_tail.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::storage {
namespace {

constexpr uint64_t kChunkBytes = 1u << 20;
// More content than this behind a bad entry cannot be one batch: the longest entry that any limit
// lets through is far below.
constexpr uint64_t kTornBytesMax = kLogBatchBytesMax + (64u << 20);

// Behind the last byte at or behind `offset` that is not zero; `offset` if all are.
Result<uint64_t> content_end(env::File& file, uint64_t offset) {
  std::string chunk(kChunkBytes, '\0');
  uint64_t end = offset;
  while (true) {
    TRY_VALUE(count, file.read_at(offset, chunk));
    if (count == 0) return end;
    const std::string_view bytes(chunk.data(), count);
    // memcmp with itself shifted by one: much faster than a search when all are zero.
    const bool is_zero =
        bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, count - 1) == 0;
    if (!is_zero) end = offset + bytes.find_last_not_of('\0') + 1;
    offset += count;
  }
}

// Could a transaction of this history, behind `last`, stand at the front of `bytes`?
uint64_t measure_entry_behind(std::string_view bytes, Zxid last) {
  if (bytes.size() < kLogEntryOverheadBytes + kTxnHeaderBytes) return 0;
  if (std::memcmp(bytes.data(), "\0\0\0\0", 4) != 0) return 0;  // cheap: ends most candidates
  if (zxid_of_txn(bytes.substr(kLogEntryFrontBytes)) <= last) return 0;
  return measure_valid_entry(bytes);
}

}  // namespace

Result<LogTail> examine_log_tail(env::File& file, uint64_t offset, Zxid last) {
  TRY_VALUE(end, content_end(file, offset));
  ASSERT(end >= offset);
  LogTail tail;
  if (end == offset) return tail;
  if (end - offset > kTornBytesMax) {
    tail.kind = LogTail::Kind::kDamaged;
    tail.witness_offset = end - 1;
    return tail;
  }
  std::string content(end - offset, '\0');
  TRY_VALUE(count, file.read_at(offset, content));
  content.resize(count);
  tail.kind = LogTail::Kind::kTorn;
  for (uint64_t at = 0; at < content.size();) {
    const uint64_t length = measure_entry_behind(std::string_view(content).substr(at), last);
    if (length == 0) {
      ++at;
      continue;
    }
    if (at + length > kLogBatchBytesMax) {
      MARK("storage.log_damaged");
      tail.kind = LogTail::Kind::kDamaged;
      tail.witness_offset = offset + at;
      return tail;
    }
    ++tail.whole_entries;
    at += length;
  }
  return tail;
}

}  // namespace zooid::storage
