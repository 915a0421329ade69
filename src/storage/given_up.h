// History that a server gives up (rule 35): it is moved aside, not deleted, and the server is known
// as untrusted until a leader has filled it.
//
//   dataDir/zooid/untrusted: the mark
//     zooid-untrusted 1
//     moving | filled-by-leader      whether files are still to be moved aside
//     <N>                            of the directories aside-<N>
//     <why>, one line for people
//   dataDir/zooid/aside-<N>, dataLogDir/zooid/aside-<N>: the snapshots and log files given up
//
// Order, each step durable before the next one: the mark; currentEpoch 0; what is noted of synced
// bytes is forgotten; the files are moved; the mark says that they are. A start finds the mark and
// goes on where a crash has stopped. acceptedEpoch stays: it is a promise. The mark goes when this
// server has acknowledged NEWLEADER of a leader that has filled it.
//
// What the mark is for: without it an emptied server would come back after a restart, vote with its
// epoch, and win over servers that have the data. While it stands, the server's votes are for
// itself with zxid -1 in epoch 0, so that no peer can count it for anybody, and its ACKEPOCH has
// zxid -1. For checkers: a server whose disk has lost anything that it had acknowledged has the
// mark, at every moment between the loss and its ACK of NEWLEADER.
//
// Used by recovery and by the log worker's thread. Blocks.
#pragma once

#include <optional>
#include <string>

#include "storage/recovery.h"

namespace zooid::storage {

struct UntrustedMark {
  std::string why;
  std::string where;  // the data given up; empty if there were none
};

std::string untrusted_mark_path(const Directories& directories);
// kCorrupt: there is one and it cannot be read, which is no reason to take it for none.
Result<std::optional<UntrustedMark>> read_untrusted_mark(env::FileSystem& files,
                                                         const Directories& directories);
// Moves all snapshots and logs aside under a mark that is made first. kCorrupt, and nothing is
// changed: acceptedEpoch cannot be read, so that a promise would be lost.
Result<UntrustedMark> give_up_history(env::FileSystem& files, const Directories& directories,
                                      const std::string& why);
// What a crash left of give_up_history(). Nothing without a mark.
Result<> finish_giving_up(env::FileSystem& files, const Directories& directories);
// The server has been filled.
Result<> remove_untrusted_mark(env::FileSystem& files, const Directories& directories);

// Moves files of `from` to `to`, which is made; durable when it returns. A file of the same name
// there is replaced.
Result<> set_aside(env::FileSystem& files, const std::string& from,
                   const std::vector<std::string>& names, const std::string& to);

}  // namespace zooid::storage
