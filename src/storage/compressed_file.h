// The three ways in which a snapshot's bytes stand in a file (storage-formats 4.4):
//
//   plain     as they are
//   .gz       gzip (RFC 1952) of the whole
//   .snappy   the stream of snappy-java: 82 'S' 'N' 'A' 'P' 'P' 'Y' 00, version int32 1, lowest
//             compatible version int32 1, then blocks: length int32, raw snappy block of at most
//             32 KiB before compression
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "env/file_system.h"
#include "storage/snapshot_worker.h"

namespace zooid::storage {

// The first bytes of a file of each kind; empty for plain.
std::string_view compression_magic(Compression compression);

// Writes a file from its beginning. Bytes are buffered; nothing is synced.
class CompressedWriter {
 public:
  CompressedWriter(env::File& file, Compression compression);
  ~CompressedWriter();
  CompressedWriter(const CompressedWriter&) = delete;
  CompressedWriter& operator=(const CompressedWriter&) = delete;

  Result<> write(std::string_view bytes);
  // Ends the stream; nothing may be written behind it.
  Result<> finish();
  // In the file so far.
  uint64_t written() const { return offset_; }

 private:
  Result<> deflate_into_out(std::string_view bytes, int flush);
  Result<> write_snappy(std::string_view bytes);
  void end_snappy_block();
  Result<> flush(size_t threshold);

  env::File& file_;
  const Compression compression_;
  uint64_t offset_ = 0;
  std::string out_;    // for the file
  std::string block_;  // snappy: not yet compressed
  z_stream gzip_{};
};

// Reads a file from its beginning.
class CompressedReader {
 public:
  CompressedReader(std::unique_ptr<env::File> file, std::string path, Compression compression);
  ~CompressedReader();
  CompressedReader(const CompressedReader&) = delete;
  CompressedReader& operator=(const CompressedReader&) = delete;

  // The next bytes, valid until the next call; empty at the end. kCorrupt: not such a stream, or it
  // ends before its end.
  Result<std::string_view> read();
  // So much of the file was read.
  uint64_t file_position() const { return offset_; }

 private:
  Result<std::string_view> read_plain();
  Result<std::string_view> read_gzip();
  Result<std::string_view> read_snappy();
  // Makes the next `bytes` bytes of the file available in in_; false if it has fewer left.
  Result<bool> fill(size_t bytes);
  std::unexpected<Error> corrupt(std::string_view what) const;

  std::unique_ptr<env::File> file_;
  const std::string path_;
  const Compression compression_;
  uint64_t offset_ = 0;  // of the file behind in_
  std::string in_;
  size_t in_begin_ = 0, in_end_ = 0;
  std::string out_;
  bool is_begun_ = false;
  bool is_ended_ = false;
  z_stream gzip_{};
};

}  // namespace zooid::storage
