#include "storage/snapshot_file.h"

#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

constexpr Compression kAll[] = {Compression::kNone, Compression::kGzip, Compression::kSnappy};

class SnapshotFileTest : public testing::Test {
 protected:
  SnapshotFileTest() { EXPECT_TRUE(files.make_directories("/d").has_value()); }

  // The file, uncompressed or not.
  std::string write(std::string_view body, const SnapshotTrailer& trailer,
                    Compression compression = Compression::kNone, size_t chunk_bytes = 100'000) {
    auto file = files.open("/d/out", env::OpenMode::kTruncate);
    SnapshotFileWriter writer(**file, compression);
    EXPECT_TRUE(writer.begin().has_value());
    for (; !body.empty(); body.remove_prefix(std::min(body.size(), chunk_bytes))) {
      EXPECT_TRUE(writer.append(body.substr(0, chunk_bytes)).has_value());
    }
    EXPECT_TRUE(writer.finish(trailer).has_value());
    return get(files, "/d/out");
  }
  Result<std::unique_ptr<state::Database>> load(std::string_view bytes,
                                                const std::string& name = "snapshot.0") {
    put(files, "/d/" + name, bytes);
    return load_snapshot_file(files, "/d/" + name, *parse_snapshot_file_name(name), {});
  }
  std::string unpack(std::string_view bytes, Compression compression) {
    put(files, "/d/packed", bytes);
    CompressedReader reader(std::move(*files.open("/d/packed", env::OpenMode::kRead)), "/d/packed",
                            compression);
    std::string content;
    while (true) {
      const auto chunk = reader.read();
      if (!chunk) return chunk.error().message;
      if (chunk->empty()) return content;
      content += *chunk;
    }
  }
  env::MemoryFileSystem files;
};

TEST_F(SnapshotFileTest, an_empty_database_is_written_as_java_writes_it) {
  state::Database database;
  const std::string body = txns::snapshot_of(database);
  const SnapshotTrailer::Digest none{Zxid{0}, 0};
  const std::string golden = read_golden("standalone-3.8.0/version-2/snapshot.0");
  ASSERT_EQ(golden.size(), 457u);
  EXPECT_EQ(write(body, {none, std::nullopt}), golden);
  EXPECT_EQ(write(body, {none, Zxid{0}}), read_golden("standalone-3.9.5/version-2/snapshot.0"));
}

TEST_F(SnapshotFileTest, what_java_wrote_is_written_again_with_the_same_bytes) {
  for (const auto& [name, zxid, has_last] :
       {std::tuple("standalone-3.8.0/version-2/snapshot.55", 0x55, false),
        std::tuple("standalone-3.9.5/version-2/snapshot.51", 0x51, true)}) {
    const std::string golden = read_golden(name);
    state::Database database;
    std::string rest;
    ASSERT_TRUE(txns::load_body(database, std::string_view(golden).substr(16), &rest).has_value());
    const std::string body = golden.substr(16, golden.size() - 16 - rest.size());
    wire::Reader in(std::string_view(rest).substr(13));
    SnapshotTrailer trailer;
    trailer.digest = {Zxid{in.i64()}, (in.i32(), in.i64())};
    if (has_last) trailer.last_zxid = Zxid{zxid};
    EXPECT_EQ(write(body, trailer, Compression::kNone, 17), golden);
    // Our own walk goes through the siblings in another order, but over the same records.
    database.finish_load(Zxid{zxid});
    EXPECT_EQ(write(txns::snapshot_of(database), trailer).size(), golden.size());
  }
}

TEST_F(SnapshotFileTest, the_three_forms_of_java_unpack_to_the_same_bytes) {
  for (const std::string name :
       {"standalone-3.8.0/version-2/snapshot.55", "standalone-3.9.5/version-2/snapshot.51"}) {
    const std::string plain = read_golden(name);
    EXPECT_EQ(unpack(plain, Compression::kNone), plain);
    EXPECT_EQ(unpack(read_golden(name + ".gz"), Compression::kGzip), plain);
    EXPECT_EQ(unpack(read_golden(name + ".snappy"), Compression::kSnappy), plain);
  }
}

TEST_F(SnapshotFileTest, every_form_is_read_back_whatever_the_size) {
  Random random(3);
  for (const size_t nodes : {0, 1, 100, 3000}) {
    state::Database database;
    for (size_t i = 1; i <= nodes; ++i) {
      std::string data(random.below(500), '\0');
      for (char& c : data) c = static_cast<char>(random.below(4));
      database.apply(txns::create(static_cast<int64_t>(i), fmt::format("/n{}", i), data, -1),
                     nullptr);
    }
    const std::string body = txns::snapshot_of(database);
    const SnapshotTrailer trailer{
        SnapshotTrailer::Digest{database.last_zxid(), (int64_t)database.tree().digest()},
        database.last_zxid()};
    const std::string plain = write(body, trailer);
    for (const Compression compression : kAll) {
      const std::string packed = write(body, trailer, compression, 1 + random.below(70'000));
      EXPECT_EQ(unpack(packed, compression), plain);
      const std::string name = snapshot_file_name(database.last_zxid(), compression);
      auto loaded = load(packed, name);
      ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
      EXPECT_EQ(txns::dump(**loaded), txns::dump(database));
      EXPECT_TRUE((*loaded)->take_digest_mismatches().empty());
      EXPECT_TRUE(looks_whole(files, "/d/" + name, *parse_snapshot_file_name(name)).value());
    }
  }
}

// Files are read in pieces of 256 KiB: the last one holds from one byte of the seals to some of the
// nodes.
TEST_F(SnapshotFileTest, seals_may_stand_in_the_next_piece) {
  constexpr size_t kPieceBytes = 256u * 1024;
  const auto file_with = [&](size_t data_bytes) {
    state::Database database;
    database.apply(txns::create(1, "/n", std::string(data_bytes, 'x'), -1), nullptr);
    return write(txns::snapshot_of(database), {SnapshotTrailer::Digest{Zxid{1}, 5}, Zxid{1}});
  };
  const size_t other_bytes = file_with(100).size() - 100;
  for (size_t over = 0; over <= 80; ++over) {
    const std::string file = file_with(kPieceBytes + over - other_bytes);
    ASSERT_EQ(file.size(), kPieceBytes + over);
    auto loaded = load(file, "snapshot.1");
    ASSERT_TRUE(loaded.has_value()) << over << " " << loaded.error().message;
    EXPECT_EQ((*loaded)->take_digest_mismatches().size(), 1u) << over;
  }
}

TEST_F(SnapshotFileTest, sections_are_told_apart) {
  state::Database database;
  database.apply(make_create(Zxid{1}), nullptr);
  const std::string body = txns::snapshot_of(database);
  const SnapshotTrailer::Digest wrong{Zxid{1}, 12345};
  for (const bool has_digest : {false, true}) {
    for (const bool has_last : {false, true}) {
      SnapshotTrailer trailer;
      if (has_digest) trailer.digest = wrong;
      if (has_last) trailer.last_zxid = Zxid{1};
      auto loaded = load(write(body, trailer), "snapshot.1");
      ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
      EXPECT_EQ((*loaded)->take_digest_mismatches().size(), has_digest ? 1u : 0u);
    }
  }
}

TEST_F(SnapshotFileTest, any_damage_and_any_cut_is_noticed) {
  for (const std::string suffix : {"", ".gz", ".snappy"}) {
    const std::string golden = read_golden("standalone-3.9.5/version-2/snapshot.51" + suffix);
    const std::string name = "snapshot.51" + suffix;
    ASSERT_TRUE(load(golden, name).has_value());
    for (size_t size = 0; size < golden.size(); size += suffix.empty() ? 1 : 7) {
      const auto loaded = load(golden.substr(0, size), name);
      // Without its last zxid section it is a whole snapshot of 3.8; without any it has no digest.
      if (suffix.empty() && (size == golden.size() - 21 || size == golden.size() - 54)) continue;
      ASSERT_FALSE(loaded.has_value()) << suffix << " " << size;
      EXPECT_EQ(loaded.error().kind, Error::Kind::kCorrupt);
    }
    const auto expected = txns::dump(**load(golden, name));
    for (size_t at = 0; at < golden.size(); at += suffix.empty() ? 1 : 3) {
      std::string bad = golden;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      const auto loaded = load(bad, name);
      // Packed bytes may differ and yet unpack to the same.
      if (loaded) {
        EXPECT_EQ(txns::dump(**loaded), expected) << suffix << " " << at;
      }
      EXPECT_FALSE(loaded.has_value() && suffix.empty()) << at;
    }
  }
}

TEST_F(SnapshotFileTest, handmade_snapshots_load) {
  auto loaded = load(read_golden("handmade/snapshot.5.gz"), "snapshot.5.gz");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  loaded = load(read_golden("handmade/version-2/snapshot.5"), "snapshot.5");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  loaded = load(read_golden("handmade/snapshot.5.with-wrong-digest"), "snapshot.5");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
}

TEST_F(SnapshotFileTest, torn_files_do_not_look_whole) {
  const auto name = *parse_snapshot_file_name("snapshot.51");
  const std::string golden = read_golden("standalone-3.9.5/version-2/snapshot.51");
  for (const size_t size : {size_t{0}, size_t{4}, size_t{5}, size_t{100}, golden.size() - 1}) {
    put(files, "/d/snapshot.51", golden.substr(0, size));
    EXPECT_FALSE(looks_whole(files, "/d/snapshot.51", name).value()) << size;
  }
}

}  // namespace
}  // namespace zooid::storage::test
