// For the tests of this folder: a disk in memory with a server's directories, a log worker on it,
// and the completions that it gave.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "env/memory_file_system.h"
#include "state/test_txns.h"
#include "storage/log_file.h"
#include "storage/log_reader.h"
#include "storage/log_worker.h"
#include "storage/recovery.h"

namespace zooid::storage::test {

namespace txns = state::test;

inline const Directories kDirectories{"/data", "/data"};
inline const std::string kVersion2 = "/data/version-2";

// create /n<zxid> with data of that size; valid from the empty tree on.
inline wire::Txn make_create(Zxid zxid, size_t data_bytes = 10) {
  return txns::create(zxid.value, fmt::format("/n{:x}", zxid.value), std::string(data_bytes, 'x'),
                      -1);
}
inline Bytes make_txn(Zxid zxid, size_t data_bytes = 10) {
  return wire::serialize(make_create(zxid, data_bytes));
}

inline std::string read_golden(const std::string& name) {
  const std::string path = std::string(ZOOID_TESTS_DIR) + "/golden/storage/" + name;
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

inline void put(env::FileSystem& files, const std::string& path, std::string_view content) {
  const std::string directory = path.substr(0, path.rfind('/'));
  EXPECT_TRUE(files.make_directories(directory).has_value());
  auto file = files.open(path, env::OpenMode::kTruncate);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_TRUE((*file)->write_at(0, content).has_value());
  EXPECT_TRUE((*file)->sync().has_value());
  EXPECT_TRUE(files.sync_directory(directory).has_value());
}
inline std::string get(env::FileSystem& files, const std::string& path) {
  auto content = env::read_file(files, path, 1u << 30);
  return content ? *content : "(" + content.error().message + ")";
}
// version-2 of a golden folder becomes that of kDirectories.
inline void put_golden(env::FileSystem& files, const std::string& folder) {
  const auto root = std::filesystem::path(ZOOID_TESTS_DIR) / "golden/storage" / folder;
  for (const auto& entry : std::filesystem::directory_iterator(root / "version-2")) {
    const std::string name = entry.path().filename();
    put(files, kVersion2 + "/" + name, read_golden(folder + "/version-2/" + name));
  }
}

// A log file of these transactions, each create of make_create().
inline std::string log_of(std::initializer_list<int64_t> zxids, size_t data_bytes = 10) {
  std::string bytes;
  append_log_header(bytes);
  for (const int64_t zxid : zxids) {
    append_log_entry(bytes, make_txn(Zxid{zxid}, data_bytes).view());
  }
  return bytes;
}

inline std::string text_of(const LogCompletion& completion) {
  struct Text {
    std::string operator()(const LogSynced& c) { return fmt::format("synced {:x}", c.zxid.value); }
    std::string operator()(const LogTruncated& c) {
      return c.is_cut ? fmt::format("cut {:x}", c.last.value) : "not cut: " + c.why;
    }
    std::string operator()(const InstallStep& c) {
      return c.is_finished ? "install finished" : "install begun";
    }
    std::string operator()(const HistoryGivenUp& c) {
      return c.is_own_prefix ? "back to the own history" : "given up to " + c.where;
    }
    std::string operator()(const EpochWritten& c) {
      return fmt::format("epoch {} {}", c.file == EpochFile::kAccepted ? "accepted" : "current",
                         c.epoch);
    }
    std::string operator()(const LogBarrierPassed& c) {
      return fmt::format("barrier {} last {:x}", c.role.value, c.last_durable.value);
    }
    std::string operator()(const LogFailed& c) {
      return fmt::format("failed last {:x}{}", c.last_durable.value,
                         c.error.kind == Error::Kind::kNoSpace ? " full" : "");
    }
    std::string operator()(const LogWritable& c) {
      return c.trouble ? "not writable: " + c.trouble->message : "writable";
    }
  };
  return std::visit(Text{}, completion);
}

class Completions : public LogCompletions {
 public:
  void on_log_completion(LogCompletion completion) override {
    all.push_back(text_of(completion));
    if (const auto* synced = std::get_if<LogSynced>(&completion)) durable = synced->zxid;
  }
  std::vector<std::string> take() { return std::exchange(all, {}); }
  std::vector<std::string> all;
  Zxid durable;
};

// Tests of the log worker derive from it.
class Store : public testing::Test {
 protected:
  Store() { EXPECT_TRUE(prepare_directories(files, kDirectories).has_value()); }

  void start(LogOptions options = {}, Zxid last = {}) {
    options.log_directory = kVersion2;
    options.snapshot_directory = kVersion2;
    options.on_fatal = [this](const Error& error) { fatal = error.message; };
    worker = std::make_unique<LogWorker>(files, options, last, completions);
  }
  void append(int64_t from, int64_t to, size_t data_bytes = 10, uint64_t role = 1) {
    for (int64_t zxid = from; zxid <= to; ++zxid) {
      worker->submit(AppendTxn{{role}, Zxid{zxid}, make_txn(Zxid{zxid}, data_bytes)});
    }
  }
  std::vector<std::string> run() {
    while (worker->step()) {
    }
    return completions.take();
  }
  // As "1 2 3", or the error at its end.
  std::string logged(int64_t from = 0) {
    std::string text;
    auto reader = LogReader::open(files, kVersion2, Zxid{from});
    while (reader) {
      auto txn = reader->next();
      if (!txn) return text + txn.error().message;
      if (!*txn) return text.substr(0, text.size() - (text.empty() ? 0 : 1));
      text += fmt::format("{:x} ", (*txn)->zxid.value);
    }
    return reader.error().message;
  }
  std::vector<std::string> names() { return files.list(kVersion2).value(); }
  Result<Recovered> recovered(RecoveryOptions options = {}) {
    return recover(files, kDirectories, options);
  }

  env::MemoryFileSystem files{1};
  Completions completions;
  std::unique_ptr<LogWorker> worker;
  std::string fatal;
};

using Lines = std::vector<std::string>;
using Kind = env::MemoryFileSystem::Operation::Kind;

}  // namespace zooid::storage::test
