#include "base/planted_bug.h"

#include <cstddef>

#include "base/assert.h"

namespace zooid {

const char* planted_bug_name(PlantedBug bug) {
  static constexpr const char* kNames[] = {
      "none",
      "acknowledge before sync",
      "recovered log not synced",
      "name of a log file not synced",
      "skip TRUNC",
      "lose the epoch file",
      "snapshot not synced",
      "torn tail accepted",
      "commit without quorum",
      "accept an old epoch",
      "expire early",
      "resurrect an ephemeral",
      "reuse a sequential number",
      "version not compared",
      "snapshot cursor lost",
      "no incarnation check on completions",
      "vote with the tree's version",
      "serve a client from the past",
      "sync answered at once",
      "reply to the wrong request",
      "watch after data",
      "ZOOKEEPER-3911",
      "ZOOKEEPER-3023",
      "ZOOKEEPER-4643",
      "ZOOKEEPER-4646",
      "ZOOKEEPER-4785",
      "ZOOKEEPER-4925",
      "ZOOKEEPER-3144",
      "ZOOKEEPER-4541",
      "ACK counts for all proposed",
      "apply before commit",
      "watch lost at deletion",
      "persistent watch fires once",
      "unused container reaped",
      "ACL version kept",
      "a stranger's configuration is adopted",
      "unreadable transaction is logged",
      "cut at a bad entry",
      "untrusted forgotten at restart",
      "discard keeps the epoch",
      "damaged tail taken for torn",
      "room for more output not told",
      "left leader waits",
      "replayed not counted",
      "SNAP below the learner",
      "sync end at the walk's beginning",
      "DIFF from a damaged log",
      "early ACK forgotten",
      "part of a PING's answer counts",
  };
  static_assert(sizeof(kNames) / sizeof(*kNames) == static_cast<size_t>(PlantedBug::kLast));
  return kNames[static_cast<int>(bug)];
}

#ifdef ZOOID_PLANTED_BUGS
void plant(PlantedBug bug) {
  planted_bug = bug;
}
bool can_plant() {
  return true;
}
#else
void plant(PlantedBug bug) {
  ASSERT(bug == PlantedBug::kNone);
}
bool can_plant() {
  return false;
}
#endif

}  // namespace zooid
