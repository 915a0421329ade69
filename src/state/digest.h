// ZooKeeper's digest of the tree, version 2 (storage-formats 9): the 64-bit sum of the digests of
// all nodes, so that a change costs only the changed nodes.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/records.h"

namespace zooid::state {

// CRC-32 over path ("" for the root), data and 60 bytes of Stat. 0 for nodes below "/zookeeper/".
uint64_t node_digest(std::string_view path, const wire::NullableView& data,
                     const wire::StatPersisted& stat);

// False for paths below "/zookeeper/".
bool counts_in_digest(std::string_view path);

// The digest of a node that counts and whose Stat alone changes: the new one is the old one
// exclusive-or this. So neither its path nor its data is looked at again.
uint32_t digest_change(const wire::StatPersisted& before, const wire::StatPersisted& after);

}  // namespace zooid::state
