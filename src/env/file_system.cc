#include "env/file_system.h"

namespace zooid::env {

Result<std::string> read_file(FileSystem& files, const std::string& path, uint64_t limit) {
  TRY_VALUE(file, files.open(path, OpenMode::kRead));
  TRY_VALUE(size, file->size());
  if (size > limit) {
    return fail(Error::Kind::kCorrupt, path + ": larger than " + std::to_string(limit) + " bytes");
  }
  std::string content(size, '\0');
  TRY_VALUE(count, file->read_at(0, content));
  content.resize(count);
  return content;
}

namespace {

Result<> write_and_rename(FileSystem& files, const std::string& temporary, const std::string& path,
                          std::string_view content) {
  {
    TRY_VALUE(file, files.open(temporary, OpenMode::kTruncate));
    TRY(file->write_at(0, content));
    TRY(file->sync());
  }
  return files.rename(temporary, path);
}

}  // namespace

Result<> write_file_atomically(FileSystem& files, const std::string& path,
                               std::string_view content) {
  const std::string temporary = path + ".tmp";
  if (auto written = write_and_rename(files, temporary, path, content); !written) {
    // Half a file must not be taken for a whole one later. It may not exist at all.
    static_cast<void>(files.remove(temporary));
    return written;
  }
  const size_t slash = path.rfind('/');
  return files.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace zooid::env
