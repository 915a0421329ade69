// What this build calls itself. Tools parse the leading version of `srvr` and `mntr`: it is the
// ZooKeeper release whose behaviour this server shows.
#pragma once

namespace zooid {

inline constexpr const char* kVersion = "0.1.0";
inline constexpr const char* kZooKeeperVersion = "3.9.5";
// In ZooKeeper's style: <version>-<revision>, built on <date>.
inline constexpr const char* kVersionText = "3.9.5-zooid-0.1.0, built on 2026-07-01 00:00 UTC";

}  // namespace zooid
