// What the tests of recovery share: directories with snapshots and logs, some of them damaged.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "storage/recovery.h"
#include "storage/snapshot_file.h"
#include "storage/test_store.h"

namespace zooid::storage::test {

class RecoveryTest : public Store {
 protected:
  static std::string path(const std::string& name) { return kVersion2 + "/" + name; }
  // The state after creates 1..to, as snapshot.<zxid>.
  void put_snapshot(Zxid zxid, int64_t to, std::string* bytes = nullptr,
                    const SnapshotTrailer& trailer = {}) {
    state::Database database;
    for (int64_t i = 1; i <= to; ++i) database.apply(make_create(Zxid{i}), nullptr);
    auto file =
        files.open(path(snapshot_file_name(zxid, Compression::kNone)), env::OpenMode::kTruncate);
    SnapshotFileWriter writer(**file, Compression::kNone);
    EXPECT_TRUE(writer.begin() && writer.append(txns::snapshot_of(database)) &&
                writer.finish(trailer) && (*file)->sync() && files.sync_directory(kVersion2));
    if (bytes != nullptr) {
      *bytes = get(files, path(snapshot_file_name(zxid, Compression::kNone)));
    }
  }
  void damage(const std::string& name, uint64_t offset) {
    std::string bytes = get(files, path(name));
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
    put(files, path(name), bytes);
  }
  std::string failure(RecoveryOptions options = {}) {
    const auto result = recovered(options);
    if (result) return fmt::format("recovered to {:x}", result->last_logged.value);
    if (result.error().kind != Error::Kind::kCorrupt) return "(kind) " + result.error().message;
    return result.error().message;
  }
  void expect_failure(const std::string& part, RecoveryOptions options = {}) {
    const std::string is = failure(options);
    EXPECT_NE(is.find(part), std::string::npos) << is;
  }
};

}  // namespace zooid::storage::test
