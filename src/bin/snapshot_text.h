// `zooid snapshot`: what a snapshot file holds, in the form of ZooKeeper's SnapshotFormatter.
// Blocks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "env/file_system.h"

namespace zooid::bin {

enum class SnapshotForm {
  kDetails,  // each node's path and Stat with the length of its data, sessions, last zxid
  kData,     // the same with the data in base64
  kJson,     // the tree with sizes, for visualisers of directory trees
};

// `print` gets text for standard output as it comes. The file's name has to be that of a snapshot,
// for the name has its zxid and compression. Errors (kCorrupt) as load_snapshot_file.
Result<> print_snapshot(env::FileSystem& files, const std::string& path, SnapshotForm form,
                        const std::function<void(std::string_view)>& print);

}  // namespace zooid::bin
