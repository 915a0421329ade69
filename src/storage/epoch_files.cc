#include "storage/epoch_files.h"

#include <fmt/format.h>

#include <charconv>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"

namespace zooid::storage {
namespace {

constexpr uint64_t kFileBytesMax = 4096;

std::string path_of(const std::string& directory, EpochFile file) {
  return directory + "/" + epoch_file_name(file);
}

Result<std::optional<Epoch>> read_number(env::FileSystem& files, const std::string& path) {
  if (!files.exists(path)) return std::nullopt;
  TRY_VALUE(content, env::read_file(files, path, kFileBytesMax));
  std::string_view line = std::string_view(content).substr(0, content.find('\n'));
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  Epoch epoch = 0;
  const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), epoch);
  if (line.empty() || failure != std::errc{} || end != line.data() + line.size()) {
    return fail(Error::Kind::kCorrupt,
                fmt::format("{}: \"{}\" is not an epoch: expected one decimal number", path, line));
  }
  return epoch;
}

}  // namespace

const char* epoch_file_name(EpochFile file) {
  return file == EpochFile::kAccepted ? "acceptedEpoch" : "currentEpoch";
}

Result<std::optional<Epoch>> read_epoch(env::FileSystem& files, const std::string& directory,
                                        EpochFile file) {
  return read_number(files, path_of(directory, file));
}

Result<std::optional<Epoch>> read_epoch_temporary(env::FileSystem& files,
                                                  const std::string& directory, EpochFile file) {
  auto number = read_number(files, path_of(directory, file) + ".tmp");
  if (!number && number.error().kind == Error::Kind::kCorrupt) {
    // The crash came before its content was whole: it was not told to anybody.
    MARK("storage.epoch_temporary_unfinished");
    return std::nullopt;
  }
  return number;
}

Result<> write_epoch(env::FileSystem& files, const std::string& directory, EpochFile file,
                     Epoch epoch) {
  if (is_planted(PlantedBug::kLoseEpochFile)) return {};
  return env::write_file_atomically(files, path_of(directory, file), std::to_string(epoch));
}

namespace {

// The log has transactions of an epoch that currentEpoch does not know.
// `promised`: what acceptedEpoch says.
Result<> raise_current(env::FileSystem& files, const std::string& directory, Zxid last,
                       Epoch promised, Epochs& epochs) {
  TRY_VALUE(temporary, read_epoch_temporary(files, directory, EpochFile::kCurrent));
  if (temporary && *temporary >= last.epoch()) {
    MARK("storage.epoch_from_temporary");
    epochs.current = *temporary;
    return write_epoch(files, directory, EpochFile::kCurrent, epochs.current);
  }
  // A learner that joins an epoch logs its leader's transactions before it acknowledges NEWLEADER,
  // and currentEpoch is written in between. A crash there leaves a promised epoch whose history is
  // not complete: the vote stays one of the former epoch, so nobody counts on it. (ZooKeeper
  // refuses to start.)
  if (promised >= last.epoch()) {
    MARK("storage.epoch_not_acknowledged");
    return {};
  }
  return fail(Error::Kind::kCorrupt,
              fmt::format("{}: epoch {} is lower than that of the last transaction 0x{:x}",
                          path_of(directory, EpochFile::kCurrent), epochs.current, last.value));
}

}  // namespace

Result<Epochs> recover_epochs(env::FileSystem& files, const std::string& directory, Zxid last) {
  const Epoch logged = last == kZxidUntrusted ? 0 : last.epoch();
  ASSERT(logged >= 0);
  Epochs epochs;
  TRY_VALUE(current, read_epoch(files, directory, EpochFile::kCurrent));
  epochs.current = current.value_or(logged);
  if (!current) TRY(write_epoch(files, directory, EpochFile::kCurrent, epochs.current));
  TRY_VALUE(accepted, read_epoch(files, directory, EpochFile::kAccepted));
  epochs.accepted = accepted.value_or(logged);
  if (!accepted) TRY(write_epoch(files, directory, EpochFile::kAccepted, epochs.accepted));
  if (logged > epochs.current)
    TRY(raise_current(files, directory, last, accepted.value_or(0), epochs));
  if (epochs.accepted < epochs.current) {
    return fail(Error::Kind::kCorrupt, fmt::format("{}: epoch {} is lower than {} in currentEpoch",
                                                   path_of(directory, EpochFile::kAccepted),
                                                   epochs.accepted, epochs.current));
  }
  return epochs;
}

}  // namespace zooid::storage
