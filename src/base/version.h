// What this build calls itself. Tools parse the leading version of `srvr` and `mntr`: it is the
// ZooKeeper release whose behaviour this server shows.
#pragma once

namespace zooid {

inline constexpr const char* kVersion = "0.1.0";
inline constexpr const char* kZooKeeperVersion = "3.9.5";
// The commit it was built from, short; "unknown" outside of a repository. Set by CMake, as is its
// date: the same source gives the same program.
extern const char* const kCommit;
// In ZooKeeper's style: <version>-<revision>, built on <date of the commit>.
extern const char* const kVersionText;

}  // namespace zooid
