// env::FileSystem with system calls. Every call blocks; the object may be used from any thread. It
// must outlive the locks that it gave.
#pragma once

#include <map>
#include <mutex>

#include "env/file_system.h"

namespace zooid::posix {

class PosixFileSystem : public env::FileSystem {
 public:
  Result<std::unique_ptr<env::File>> open(const std::string& path, env::OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;
  Result<uint64_t> file_size(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> make_directories(const std::string& path) override;
  Result<> sync_directory(const std::string& path) override;
  Result<env::FileSystemSpace> space(const std::string& path) override;
  Result<std::unique_ptr<env::DirectoryLock>> lock_directory(const std::string& path) override;

 private:
  friend class PosixDirectoryLock;
  // The directories that are locked, by path. They are synced through the descriptor that holds
  // the lock, so that this needs none when there are no more.
  std::mutex mutex_;
  std::map<std::string, int> locked_;
};

}  // namespace zooid::posix
