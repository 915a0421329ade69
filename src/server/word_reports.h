// The longer answers to four-letter words: those that are made of the replica's facts and of
// tables.
#pragma once

#include <string>

#include "server/shard_core.h"

namespace zooid::server {

// The head of srvr and stat; a read-only server says here what it is.
std::string version_line(const ShardCore& core);
std::string server_report(const ShardCore& core, const ReplicaFacts& facts);         // behind it
std::string monitor_report(const ShardCore& core, const ReplicaFacts& facts);        // mntr
std::string configuration_report(const ShardCore& core, const ReplicaFacts& facts);  // conf
// dump: sessions and how many own ephemerals; these follow (LongAnswer); at last the connections.
std::string session_report(const ReplicaFacts& facts);
std::string connections_report(const ShardCore& core);
std::string environment_report(const ShardCore& core);  // envi

// "Sun Nov 22 08:08:30 UTC 2026", as Java prints a date.
std::string date_text(int64_t wall_ms);

}  // namespace zooid::server
