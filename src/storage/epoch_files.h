// currentEpoch and acceptedEpoch (storage-formats 1.1): the number in decimal ASCII without a
// newline, replaced atomically.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "env/file_system.h"
#include "storage/log_worker.h"

namespace zooid::storage {

const char* epoch_file_name(EpochFile file);

// nullopt if there is no such file. kCorrupt: its first line is no number.
Result<std::optional<Epoch>> read_epoch(env::FileSystem& files, const std::string& directory,
                                        EpochFile file);
// The same from <name>.tmp, which a crash (or a Java server's) may have left; nullopt, too, if it
// was not written to its end.
Result<std::optional<Epoch>> read_epoch_temporary(env::FileSystem& files,
                                                  const std::string& directory, EpochFile file);
// Durable when it returns. After a failure the old content is still there.
Result<> write_epoch(env::FileSystem& files, const std::string& directory, EpochFile file,
                     Epoch epoch);

struct Epochs {
  Epoch accepted = 0;
  Epoch current = 0;
};
// What a member of an ensemble does at start: reads both, makes those that are missing from the
// epoch of the last zxid, and refuses what cannot be.
Result<Epochs> recover_epochs(env::FileSystem& files, const std::string& directory, Zxid last);

}  // namespace zooid::storage
