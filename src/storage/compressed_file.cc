#include "storage/compressed_file.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "wire/jute.h"

namespace zooid::storage {
namespace {

using std::string_view_literals::operator""sv;

constexpr int kGzipWindowBits = 15 + 16;  // the largest window, gzip's header
constexpr size_t kFlushBytes = 256u * 1024;
constexpr size_t kReadBytes = 256u * 1024;
constexpr std::string_view kSnappyMagic = "\x82SNAPPY\0"sv;
constexpr size_t kSnappyHeaderBytes = 16;
constexpr int32_t kSnappyVersion = 1;
constexpr size_t kSnappyBlockBytes = 32u * 1024;
// Other writers may choose larger blocks.
constexpr size_t kSnappyBlockBytesMax = 64u << 20;

}  // namespace

std::string_view compression_magic(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return {};
    case Compression::kGzip:
      return "\x1f\x8b"sv;
    case Compression::kSnappy:
      return kSnappyMagic;
  }
  return {};
}

CompressedWriter::CompressedWriter(env::File& file, Compression compression)
    : file_(file), compression_(compression) {
  if (compression_ == Compression::kGzip) {
    const int status = deflateInit2(&gzip_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8,
                                    Z_DEFAULT_STRATEGY);
    ASSERT(status == Z_OK);
  } else if (compression_ == Compression::kSnappy) {
    wire::Writer out(out_);
    out.raw(kSnappyMagic);
    out.i32(kSnappyVersion);
    out.i32(kSnappyVersion);
  }
}

CompressedWriter::~CompressedWriter() {
  if (compression_ == Compression::kGzip) deflateEnd(&gzip_);
}

Result<> CompressedWriter::write(std::string_view bytes) {
  switch (compression_) {
    case Compression::kNone:
      out_.append(bytes);
      return flush(kFlushBytes);
    case Compression::kGzip:
      return deflate_into_out(bytes, Z_NO_FLUSH);
    case Compression::kSnappy:
      return write_snappy(bytes);
  }
  return {};
}

Result<> CompressedWriter::finish() {
  if (compression_ == Compression::kGzip) TRY(deflate_into_out({}, Z_FINISH));
  if (!block_.empty()) end_snappy_block();
  return flush(0);
}

Result<> CompressedWriter::flush(size_t threshold) {
  if (out_.empty() || out_.size() < threshold) return {};
  TRY(file_.write_at(offset_, out_));
  offset_ += out_.size();
  out_.clear();
  return {};
}

Result<> CompressedWriter::deflate_into_out(std::string_view bytes, int flush_mode) {
  char compressed[16 * 1024];
  gzip_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  gzip_.avail_in = static_cast<uInt>(bytes.size());
  ASSERT(gzip_.avail_in == bytes.size());
  do {
    gzip_.next_out = reinterpret_cast<Bytef*>(compressed);
    gzip_.avail_out = sizeof(compressed);
    const int status = deflate(&gzip_, flush_mode);
    ASSERT(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR);
    out_.append(compressed, sizeof(compressed) - gzip_.avail_out);
    TRY(flush(kFlushBytes));
  } while (gzip_.avail_out == 0);
  return {};
}

Result<> CompressedWriter::write_snappy(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kSnappyBlockBytes - block_.size());
    block_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (block_.size() == kSnappyBlockBytes) end_snappy_block();
    TRY(flush(kFlushBytes));
  }
  return {};
}

void CompressedWriter::end_snappy_block() {
  std::string compressed;
  snappy::Compress(block_.data(), block_.size(), &compressed);
  wire::Writer(out_).buffer(compressed);
  block_.clear();
}

CompressedReader::CompressedReader(std::unique_ptr<env::File> file, std::string path,
                                   Compression compression)
    : file_(std::move(file)), path_(std::move(path)), compression_(compression) {
  if (compression_ == Compression::kGzip) {
    const int status = inflateInit2(&gzip_, kGzipWindowBits);
    ASSERT(status == Z_OK);
    out_.resize(kReadBytes);
  }
  in_.resize(kReadBytes);
}

CompressedReader::~CompressedReader() {
  if (compression_ == Compression::kGzip) inflateEnd(&gzip_);
}

std::unexpected<Error> CompressedReader::corrupt(std::string_view what) const {
  return fail(Error::Kind::kCorrupt,
              fmt::format("{}: offset {}: {}", path_, offset_ - (in_end_ - in_begin_), what));
}

Result<std::string_view> CompressedReader::read() {
  switch (compression_) {
    case Compression::kNone:
      return read_plain();
    case Compression::kGzip:
      return read_gzip();
    case Compression::kSnappy:
      return read_snappy();
  }
  return std::string_view{};
}

Result<bool> CompressedReader::fill(size_t bytes) {
  if (in_end_ - in_begin_ >= bytes) return true;
  std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
  in_end_ -= in_begin_;
  in_begin_ = 0;
  if (in_.size() < bytes) in_.resize(bytes);
  TRY_VALUE(count, file_->read_at(offset_, std::span(in_).subspan(in_end_)));
  offset_ += count;
  in_end_ += count;
  return in_end_ >= bytes;
}

Result<std::string_view> CompressedReader::read_plain() {
  TRY_VALUE(count, file_->read_at(offset_, in_));
  offset_ += count;
  return std::string_view(in_).substr(0, count);
}

Result<std::string_view> CompressedReader::read_gzip() {
  gzip_.next_out = reinterpret_cast<Bytef*>(out_.data());
  gzip_.avail_out = static_cast<uInt>(out_.size());
  while (!is_ended_ && gzip_.avail_out > 0) {
    TRY_VALUE(has_bytes, fill(1));
    if (!has_bytes) return corrupt("the gzip stream ends too early");
    gzip_.next_in = reinterpret_cast<Bytef*>(in_.data() + in_begin_);
    gzip_.avail_in = static_cast<uInt>(in_end_ - in_begin_);
    const int status = inflate(&gzip_, Z_NO_FLUSH);
    in_begin_ = in_end_ - gzip_.avail_in;
    if (status == Z_STREAM_END) is_ended_ = true;
    if (status != Z_OK && status != Z_STREAM_END) return corrupt("not a gzip stream");
  }
  return std::string_view(out_).substr(0, out_.size() - gzip_.avail_out);
}

Result<std::string_view> CompressedReader::read_snappy() {
  if (!is_begun_) {
    TRY_VALUE(has_header, fill(kSnappyHeaderBytes));
    if (!has_header || !std::string_view(in_).starts_with(kSnappyMagic)) {
      return corrupt("not a snappy stream");
    }
    in_begin_ += kSnappyHeaderBytes;
    is_begun_ = true;
  }
  TRY_VALUE(has_length, fill(sizeof(int32_t)));
  if (!has_length) {
    if (in_begin_ != in_end_) return corrupt("the snappy stream ends too early");
    return std::string_view{};
  }
  const int32_t length = wire::Reader(std::string_view(in_).substr(in_begin_)).i32();
  if (length <= 0 || static_cast<size_t>(length) > kSnappyBlockBytesMax) {
    return corrupt("impossible length of a snappy block");
  }
  const size_t total = sizeof(int32_t) + static_cast<size_t>(length);
  TRY_VALUE(has_block, fill(total));
  if (!has_block) return corrupt("the snappy stream ends too early");
  const char* block = in_.data() + in_begin_ + sizeof(int32_t);
  size_t bytes = 0;
  if (!snappy::GetUncompressedLength(block, static_cast<size_t>(length), &bytes) || bytes == 0 ||
      bytes > kSnappyBlockBytesMax) {
    return corrupt("impossible length of a snappy block");
  }
  if (out_.size() < bytes) out_.resize(bytes);
  if (!snappy::RawUncompress(block, static_cast<size_t>(length), out_.data())) {
    return corrupt("bad snappy block");
  }
  in_begin_ += total;
  return std::string_view(out_).substr(0, bytes);
}

}  // namespace zooid::storage
