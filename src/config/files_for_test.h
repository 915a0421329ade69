// For tests: directories and files as a map; paths listed in `unwritable` refuse.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "env/file_system.h"

namespace zooid::config {

class FilesInMemory : public env::FileSystem {
 public:
  std::map<std::string, std::string> files;
  std::set<std::string> directories;
  std::set<std::string> unwritable;

  Result<std::unique_ptr<env::File>> open(const std::string& path, env::OpenMode mode) override {
    const bool creates = mode == env::OpenMode::kCreate || mode == env::OpenMode::kTruncate;
    if (creates && unwritable.contains(path.substr(0, path.rfind('/')))) {
      return fail(path + ": open: Permission denied");
    }
    if (!creates && !files.contains(path)) {
      return fail(Error::Kind::kNotFound, path + ": open: No such file or directory");
    }
    if (mode == env::OpenMode::kTruncate) files[path].clear();
    return std::make_unique<FileInMemory>(files[path]);
  }
  Result<std::vector<std::string>> list(const std::string&) override {
    return std::vector<std::string>{};
  }
  bool exists(const std::string& path) override {
    return files.contains(path) || directories.contains(path);
  }
  Result<uint64_t> file_size(const std::string& path) override {
    if (!files.contains(path)) return fail(Error::Kind::kNotFound, path);
    return files[path].size();
  }
  Result<> rename(const std::string&, const std::string&) override { return {}; }
  Result<> remove(const std::string& path) override {
    files.erase(path);
    return {};
  }
  Result<> make_directories(const std::string& path) override {
    directories.insert(path);
    return {};
  }
  Result<> sync_directory(const std::string&) override { return {}; }
  Result<env::FileSystemSpace> space(const std::string&) override { return env::FileSystemSpace{}; }
  Result<std::unique_ptr<env::DirectoryLock>> lock_directory(const std::string& path) override {
    return fail(path + ": no locks here");
  }

 private:
  class FileInMemory : public env::File {
   public:
    explicit FileInMemory(std::string& content) : content_(content) {}
    Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
      const size_t count = content_.copy(into.data(), into.size(), offset);
      return count;
    }
    Result<> write_at(uint64_t offset, std::string_view bytes) override {
      content_.resize(std::max<size_t>(content_.size(), offset + bytes.size()));
      content_.replace(offset, bytes.size(), bytes);
      return {};
    }
    Result<> sync() override { return {}; }
    Result<> truncate(uint64_t size) override {
      content_.resize(size);
      return {};
    }
    Result<uint64_t> size() override { return content_.size(); }

   private:
    std::string& content_;
  };
};

}  // namespace zooid::config
