// Files as a damaged disk or a foreign program could have left them.
#include "config/server_config.h"
#include "env/memory_file_system.h"
#include "fuzz/targets.h"
#include "storage/log_reader.h"
#include "storage/recovery.h"
#include "storage/snapshot_file.h"

namespace zooid::fuzz {
namespace {

constexpr std::string_view kDirectory = "/data/version-2";

void write(env::FileSystem& files, const std::string& name, std::string_view bytes) {
  (void)files.make_directories(std::string(kDirectory));
  auto file = files.open(std::string(kDirectory) + "/" + name, env::OpenMode::kCreate);
  if (file) (void)(*file)->write_at(0, bytes);
}

}  // namespace

void txn_log(std::string_view bytes) {
  env::MemoryFileSystem files;
  write(files, "log.1", bytes);
  auto reader = storage::LogReader::open(files, std::string(kDirectory), Zxid{1});
  if (reader) {
    while (true) {
      const auto txn = reader->next();
      if (!txn || !*txn) break;
    }
  }
  storage::RecoveryOptions options;
  options.trust_empty_snapshot = true;
  (void)storage::recover(files, {"/data", "/data"}, options);
}

void snapshot(std::string_view bytes) {
  if (bytes.empty()) return;
  constexpr storage::Compression kAll[] = {storage::Compression::kNone, storage::Compression::kGzip,
                                           storage::Compression::kSnappy};
  const storage::Compression compression = kAll[static_cast<unsigned char>(bytes[0]) % 3];
  const storage::ParsedSnapshotName name{Zxid{0x51}, compression};
  const std::string file = storage::snapshot_file_name(name.zxid, compression);
  env::MemoryFileSystem files;
  write(files, file, bytes.substr(1));
  const std::string path = std::string(kDirectory) + "/" + file;
  (void)storage::looks_whole(files, path, name);
  (void)storage::load_snapshot_file(files, path, name, {});
}

void zoo_cfg(std::string_view bytes) {
  env::MemoryFileSystem files;
  (void)config::parse_config(files, bytes, "zoo.cfg", false);
  (void)zab::Membership::parse(bytes);
}

}  // namespace zooid::fuzz
