// Can this process write in a directory? Asked at start, and by a server that could not write its
// log before it takes part in anything again (rule 30). Blocks.
#pragma once

#include <string>

#include "env/file_system.h"

namespace zooid::storage {

// Makes, syncs and removes a file there. What a crash leaves of it is taken for an unfinished
// snapshot, which ZooKeeper ignores and clean_directories() removes. kNoSpace: the disk is full.
Result<> try_writing(env::FileSystem& files, const std::string& directory);

}  // namespace zooid::storage
