// Where a log may be cut so that a learner's history becomes the front part of its leader's (TRUNC,
// quorum-protocol 4). Looks, and changes nothing. Blocks.
//
// Rule 35: nothing is cut behind a stop that is not the proven end of a file. A cut is found only
// where two neighbours of the log were read, or its end: one transaction (or a snapshot) that is
// kept and the one that follows it in this server's history. Then what is kept is all that this
// history had up to that point. A bad entry, or a hole that a snapshot covers, gives no cut: what
// this server had between is not known from its log.
#pragma once

#include <optional>
#include <string>

#include "storage/recovery.h"

namespace zooid::storage {

struct LogCut {
  bool is_possible = false;
  std::string why_not;  // names file and offset
  Zxid last;            // kept: the greatest of this history that is <= the target
  // The file to be cut behind `end`; empty if all files that stay are whole. Later ones go.
  std::string file;
  Zxid file_zxid;  // in its name; of the first file that goes if `file` is empty
  uint64_t end = 0;
  std::optional<Zxid> next;  // the first entry cut off, if `file` holds it
};

// `own_last`: the last zxid of this server's history, snapshots included.
Result<LogCut> find_log_cut(env::FileSystem& files, const std::string& log_directory,
                            const std::string& snapshot_directory, Zxid to, Zxid own_last);

}  // namespace zooid::storage
