#include "storage/write_trial.h"

#include "base/mark.h"
#include "storage/snapshot_file.h"

namespace zooid::storage {
namespace {

constexpr size_t kTrialBytes = 4096;

Result<> write_and_sync(env::FileSystem& files, const std::string& path) {
  TRY_VALUE(file, files.open(path, env::OpenMode::kTruncate));
  TRY(file->write_at(0, std::string(kTrialBytes, '\0')));
  return file->sync();
}

}  // namespace

Result<> try_writing(env::FileSystem& files, const std::string& directory) {
  const std::string path = directory + "/" + snapshot_temporary_name(Zxid{-1});
  auto written = write_and_sync(files, path);
  if (files.exists(path)) {
    auto removed = files.remove(path);
    if (written) written = removed;
  }
  if (!written) MARK("storage.write_trial_failed");
  return written;
}

}  // namespace zooid::storage
