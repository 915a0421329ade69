// The snapshot file (storage-formats 4), after decompression:
//
//   header   16 bytes   magic int32 "ZKSN", version int32 2, dbid int64 -1
//   body                sessions, ACL map, nodes, "/": wire/snapshot_stream.h
//   seal 1              Adler-32 of all bytes so far int64, string "/"
//   digest section      zxid int64, digest version int32 2, digest int64; seal 2   (optional)
//   last zxid section   int64; seal 3                                    (optional, 3.9 and later)
//
// Every seal covers all bytes before it, earlier seals included. The file is named
// snapshot.<zxid in lower-case hex>, and .gz or .snappy if it is compressed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "env/file_system.h"
#include "state/database.h"
#include "storage/compressed_file.h"
#include "storage/recovery.h"
#include "storage/snapshot_worker.h"

namespace zooid::storage {

struct ParsedSnapshotName {
  Zxid zxid;
  Compression compression;
};
std::string snapshot_file_name(Zxid zxid, Compression compression);
// nullopt: not the name of a snapshot.
std::optional<ParsedSnapshotName> parse_snapshot_file_name(std::string_view name);

// The name of a snapshot while it is written. ZooKeeper ignores such files; clean_directories()
// removes what a crash left of them.
std::string snapshot_temporary_name(Zxid zxid);
bool is_snapshot_temporary(std::string_view name);

// Behind the body.
struct SnapshotTrailer {
  struct Digest {
    Zxid zxid;  // last transaction applied when the walk ended
    int64_t value = 0;
  };
  std::optional<Digest> digest;
  std::optional<Zxid> last_zxid;
};

// Writes a snapshot into an empty file. Nothing is synced here.
class SnapshotFileWriter {
 public:
  SnapshotFileWriter(env::File& file, Compression compression) : out_(file, compression) {}
  Result<> begin();
  Result<> append(std::string_view body);
  Result<> finish(const SnapshotTrailer& trailer);
  uint64_t written() const { return out_.written(); }

 private:
  Result<> write(std::string_view bytes);
  Result<> seal();

  CompressedWriter out_;
  uint32_t checksum_ = 1;
};

// The quick test for a whole file that needs no reading (storage-formats 4, 4.4).
Result<bool> looks_whole(env::FileSystem& files, const std::string& path,
                         const ParsedSnapshotName& name);

// The database in a snapshot file, its zxid that of the name. kCorrupt: torn or damaged; kStopped:
// the watch ended it. `trailer`, if it is wanted, gets what stands behind the body.
Result<std::unique_ptr<state::Database>> load_snapshot_file(env::FileSystem& files,
                                                            const std::string& path,
                                                            const ParsedSnapshotName& name,
                                                            const state::DatabaseOptions& options,
                                                            const RecoveryWatch& watch = {},
                                                            SnapshotTrailer* trailer = nullptr);

}  // namespace zooid::storage
