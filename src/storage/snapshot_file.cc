#include "storage/snapshot_file.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <charconv>

#include "base/assert.h"
#include "base/mark.h"
#include "wire/fixed_bytes.h"
#include "wire/snapshot_stream.h"

namespace zooid::storage {
namespace {

using std::string_view_literals::operator""sv;

constexpr int32_t kMagic = 0x5a4b534e;  // "ZKSN"
constexpr int32_t kVersion = 2;
constexpr int64_t kDbId = -1;
constexpr size_t kHeaderBytes = 16;
constexpr std::string_view kPrefix = "snapshot.";
constexpr std::string_view kTemporaryPrefix = "tmp.snapshot.";
constexpr std::string_view kTerminator = "\0\0\0\1/"sv;  // the jute string "/"
constexpr int32_t kDigestVersion = 2;
constexpr size_t kSealBytes = 13;
constexpr size_t kDigestBytes = 20;
constexpr size_t kLastZxidBytes = 8;
// Sections of old releases have a digest of variable length.
constexpr size_t kTrailerBytesMax = 64u * 1024;
// Own files were checked when they were written; this only keeps a damaged length from taking all
// memory.
constexpr int32_t kBufferBytesMax = 256 << 20;

uint32_t add_to_checksum(uint32_t checksum, std::string_view bytes) {
  return libdeflate_adler32(checksum, bytes.data(), bytes.size());
}

std::string_view suffix_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "";
    case Compression::kGzip:
      return ".gz";
    case Compression::kSnappy:
      return ".snappy";
  }
  return "";
}

}  // namespace

std::string snapshot_file_name(Zxid zxid, Compression compression) {
  return fmt::format("{}{:x}{}", kPrefix, static_cast<uint64_t>(zxid.value),
                     suffix_of(compression));
}

std::optional<ParsedSnapshotName> parse_snapshot_file_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), value, 16);
  if (failure != std::errc{}) return std::nullopt;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  for (const auto compression : {Compression::kNone, Compression::kGzip, Compression::kSnappy}) {
    if (name == suffix_of(compression)) {
      return ParsedSnapshotName{Zxid{static_cast<int64_t>(value)}, compression};
    }
  }
  return std::nullopt;
}

std::string snapshot_temporary_name(Zxid zxid) {
  return fmt::format("{}{:x}", kTemporaryPrefix, static_cast<uint64_t>(zxid.value));
}

bool is_snapshot_temporary(std::string_view name) {
  return name.starts_with(kTemporaryPrefix);
}

Result<> SnapshotFileWriter::write(std::string_view bytes) {
  checksum_ = add_to_checksum(checksum_, bytes);
  return out_.write(bytes);
}

Result<> SnapshotFileWriter::begin() {
  ASSERT(checksum_ == 1);
  return write(wire::FixedBytes<kHeaderBytes>().i32(kMagic).i32(kVersion).i64(kDbId).view());
}

Result<> SnapshotFileWriter::append(std::string_view body) {
  return write(body);
}

Result<> SnapshotFileWriter::seal() {
  std::string seal;
  wire::Writer(seal).i64(checksum_);
  seal.append(kTerminator);
  ASSERT(seal.size() == kSealBytes);
  return write(seal);
}

Result<> SnapshotFileWriter::finish(const SnapshotTrailer& trailer) {
  TRY(seal());
  if (trailer.digest) {
    TRY(write(wire::FixedBytes<kDigestBytes>()
                  .i64(trailer.digest->zxid.value)
                  .i32(kDigestVersion)
                  .i64(trailer.digest->value)
                  .view()));
    TRY(seal());
  }
  if (trailer.last_zxid) {
    TRY(write(wire::FixedBytes<kLastZxidBytes>().i64(trailer.last_zxid->value).view()));
    TRY(seal());
  }
  return out_.finish();
}

Result<bool> looks_whole(env::FileSystem& files, const std::string& path,
                         const ParsedSnapshotName& name) {
  TRY_VALUE(file, files.open(path, env::OpenMode::kRead));
  TRY_VALUE(size, file->size());
  const bool is_plain = name.compression == Compression::kNone;
  const std::string_view expected = is_plain ? kTerminator : compression_magic(name.compression);
  if (size < 2 * kTerminator.size()) return false;
  std::string bytes(expected.size(), '\0');
  TRY_VALUE(count, file->read_at(is_plain ? size - expected.size() : 0, bytes));
  return count == expected.size() && bytes == expected;
}

namespace {

// Reads one snapshot file into a database.
class SnapshotLoad {
 public:
  // `file_bytes`: the file's length.
  SnapshotLoad(std::unique_ptr<env::File> file, uint64_t file_bytes, const std::string& path,
               Compression compression, state::Database& database, const RecoveryWatch& watch)
      : path_(path),
        in_(std::move(file), path, compression),
        database_(database),
        watch_(watch),
        progress_{"snapshot", 0, file_bytes} {}
  Result<SnapshotTrailer> run();

 private:
  Result<> read_header();
  Result<> read_body();
  Result<bool> load_records();
  Result<> tell_progress();
  Result<std::string> read_rest();
  Result<SnapshotTrailer> read_trailer(std::string_view rest);
  Result<> check_seal(std::string_view& rest);
  std::unexpected<Error> corrupt(std::string_view what) const {
    return fail(Error::Kind::kCorrupt, fmt::format("{}: offset {}: {}", path_, offset_, what));
  }

  const std::string& path_;
  CompressedReader in_;
  state::Database& database_;
  const RecoveryWatch& watch_;
  RecoveryProgress progress_;
  wire::SnapshotDecoder decoder_{kBufferBytesMax};
  std::string_view chunk_;  // read last
  uint32_t checksum_ = 1;
  uint64_t offset_ = 0;  // of the uncompressed bytes that checksum_ covers
};

Result<> SnapshotLoad::read_header() {
  TRY_VALUE(chunk, in_.read());
  wire::Reader in(chunk);
  const int32_t magic = in.i32();
  in.i32();  // neither version nor dbid is looked at by ZooKeeper
  in.i64();
  if (!in.ok() || magic != kMagic) return corrupt("this is not the header of a snapshot");
  checksum_ = add_to_checksum(checksum_, chunk.substr(0, kHeaderBytes));
  offset_ = kHeaderBytes;
  chunk_ = in.rest();
  return {};
}

// True when the terminator was read.
Result<bool> SnapshotLoad::load_records() {
  while (true) {
    auto record = decoder_.next();
    if (!record) {
      return fail(Error::Kind::kCorrupt, fmt::format("{}: {}", path_, record.error().message));
    }
    if (std::holds_alternative<wire::SnapshotNeedsMore>(*record)) return false;
    if (std::holds_alternative<wire::SnapshotEnd>(*record)) return true;
    if (auto loaded = database_.load(*record); !loaded) return corrupt(loaded.error().message);
  }
}

Result<> SnapshotLoad::read_body() {
  while (true) {
    decoder_.feed(chunk_);
    TRY_VALUE(is_complete, load_records());
    // What is left over behind the terminator is all from the last chunk.
    const size_t covered = chunk_.size() - (is_complete ? decoder_.undecoded().size() : 0);
    checksum_ = add_to_checksum(checksum_, chunk_.substr(0, covered));
    offset_ += covered;
    if (is_complete) return {};
    TRY(tell_progress());
    TRY_VALUE(chunk, in_.read());
    if (chunk.empty()) return corrupt("the file ends before the end of its nodes");
    chunk_ = chunk;
  }
}

Result<> SnapshotLoad::tell_progress() {
  if (in_.file_position() - progress_.read_bytes < kRecoverySliceBytes) return {};
  progress_.read_bytes = in_.file_position();
  if (!watch_ || watch_(progress_)) return {};
  MARK("storage.snapshot_load_stopped");
  return fail(Error::Kind::kStopped, path_ + ": loading the snapshot was stopped");
}

Result<std::string> SnapshotLoad::read_rest() {
  std::string rest(decoder_.undecoded());
  while (rest.size() <= kTrailerBytesMax) {
    TRY_VALUE(chunk, in_.read());
    if (chunk.empty()) return rest;
    rest.append(chunk);
  }
  return corrupt("too much behind the nodes");
}

Result<> SnapshotLoad::check_seal(std::string_view& rest) {
  wire::Reader in(rest);
  const int64_t expected = in.i64();
  if (!in.ok() || in.buffer() != "/" || !in.ok()) return corrupt("the seal is missing");
  if (expected != static_cast<int64_t>(checksum_)) return corrupt("the checksum is wrong");
  checksum_ = add_to_checksum(checksum_, rest.substr(0, kSealBytes));
  rest.remove_prefix(kSealBytes);
  offset_ += kSealBytes;
  return {};
}

// Which sections there are follows from the length of what is left: a writer leaves out the digest
// when digests are off, and the last zxid before release 3.9.
Result<SnapshotTrailer> SnapshotLoad::read_trailer(std::string_view rest) {
  SnapshotTrailer trailer;
  TRY(check_seal(rest));
  const auto take = [&](size_t bytes) {
    checksum_ = add_to_checksum(checksum_, rest.substr(0, bytes));
    offset_ += bytes;
    rest.remove_prefix(bytes);
  };
  if (rest.size() >= kDigestBytes + kSealBytes) {
    wire::Reader in(rest);
    const SnapshotTrailer::Digest digest{Zxid{in.i64()}, 0};
    if (in.i32() < kDigestVersion) {
      in.buffer();  // in hex, of an algorithm that nobody uses any more
    } else {
      trailer.digest = {digest.zxid, in.i64()};
    }
    if (!in.ok()) return corrupt("the digest section ends too early");
    take(rest.size() - in.remaining());
    TRY(check_seal(rest));
  }
  if (!rest.empty()) {
    if (rest.size() != kLastZxidBytes + kSealBytes) return corrupt("unknown bytes at the end");
    take(kLastZxidBytes);  // the file's name counts, not this
    TRY(check_seal(rest));
  }
  return trailer;
}

Result<SnapshotTrailer> SnapshotLoad::run() {
  TRY(read_header());
  TRY(read_body());
  TRY_VALUE(rest, read_rest());
  return read_trailer(rest);
}

}  // namespace

Result<std::unique_ptr<state::Database>> load_snapshot_file(
    env::FileSystem& files, const std::string& path, const ParsedSnapshotName& name,
    const state::DatabaseOptions& options, const RecoveryWatch& watch, SnapshotTrailer* told) {
  TRY_VALUE(file, files.open(path, env::OpenMode::kRead));
  TRY_VALUE(file_bytes, file->size());
  auto database = std::make_unique<state::Database>(options);
  SnapshotLoad load(std::move(file), file_bytes, path, name.compression, *database, watch);
  TRY_VALUE(trailer, load.run());
  // The name counts, not the last zxid section: transactions behind the name are replayed.
  database->finish_load(name.zxid);
  // A digest of before the snapshot's beginning is none: the file holds a leader's state as it was
  // received, and only the leader knew where its walk ended.
  if (told != nullptr) *told = trailer;
  const bool is_told = trailer.digest && trailer.digest->zxid >= name.zxid;
  if (!is_told) database->set_fuzzy_end(state::kFuzzyEndUnknown);
  if (is_told) database->set_snapshot_digest(trailer.digest->zxid, trailer.digest->value);
  return database;
}

}  // namespace zooid::storage
