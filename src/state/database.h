// The replicated state: the tree and the global sessions, changed only by applying transactions in
// zxid order. Applying is idempotent in the sense of storage-formats 5, so that a fuzzy snapshot
// plus the log after it gives the state.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "state/applied.h"
#include "state/tree.h"
#include "wire/snapshot_stream.h"

namespace zooid::state {

// The end of the fuzzy range of a state whose writer did not tell it: nothing is compared until
// set_fuzzy_end says where it ended.
inline constexpr Zxid kFuzzyEndUnknown{INT64_MAX};

struct DatabaseOptions {
  ExtendedTypes extended_types = true;  // TTL nodes are understood (see node_kind)
  bool digest_enabled = true;
};

// A digest that did not agree (rule 10).
struct DigestMismatch {
  Zxid zxid;
  int64_t expected = 0;
  int64_t actual = 0;
  std::string paths;  // of that transaction, separated by blanks
};

class Database {
 public:
  // The fresh database: root, /zookeeper, /zookeeper/quota, /zookeeper/config, all Stats zero but
  // config's aversion -1 and ACL world:anyone read (storage-formats 4). Its digest is 0x51c6d660.
  explicit Database(DatabaseOptions options = {});
  ~Database();

  const Tree& tree() const;
  // The zxid of the last transaction applied, or of the snapshot; the replica sets it to
  // epoch << 32 when it starts to lead.
  Zxid last_zxid() const;
  void set_last_zxid(Zxid zxid);

  // Applies the next transaction. `out` (may be null in replay) gets what shards need. During
  // replay of a fuzzy range anything that does not fit is ignored as storage-formats 5 says; every
  // create kind raises the parent's cversion and pzxid whether the node exists already or not.
  // A digest in the txn is compared unless the zxid lies in the fuzzy range or digests are off.
  void apply(const wire::Txn& txn, Applied* out);

  // Mismatches since the last call.
  std::vector<DigestMismatch> take_digest_mismatches();
  bool has_digest_mismatches() const;

  // Global sessions: id -> time-out in ms, ordered by id.
  const std::map<SessionId, int32_t>& sessions() const;
  // Sessions that own ephemerals but are not in the table: their nodes are deleted at once,
  // locally, when a standalone server or a leader starts (storage-formats 8.1 step 6). Returns
  // paths removed.
  std::vector<std::string> drop_orphaned_ephemerals();

  // The text of the active configuration in /zookeeper/config (in memory, not a transaction):
  // mzxid = config version, version -1.
  void set_config(std::string_view text, int64_t config_version, int64_t wall_ms);

  // Loading: feed the records of a snapshot in order, then finish with the zxid of the file name or
  // of the SNAP packet. Errors: a node without parent, an ACL key that the map left out, a path
  // twice. A key beyond the map is one that was given while ZooKeeper's walk went on: the node is
  // shown to nobody until a transaction of the fuzzy range has explained it.
  Result<> load(const wire::SnapshotRecord& record);
  void finish_load(Zxid zxid);
  // The digest section of a snapshot file: compared when replay reaches exactly `zxid`, and the end
  // of the fuzzy range.
  void set_snapshot_digest(Zxid zxid, int64_t digest);

  // Where the effects of transactions behind the snapshot's zxid end that the state may hold
  // already.
  void set_fuzzy_end(Zxid zxid);
  Zxid fuzzy_end() const;
  // False: effects of transactions that are not known yet may be in the tree, or lists are missing.
  // Such a state is a mixture that no server ever had (rule 37): nobody is to read it.
  bool is_whole() const;
  // A node whose list is not explained; empty if there is none.
  std::string unexplained_acl() const;

 private:
  friend class SnapshotWalk;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Writes the body of a snapshot (sessions, ACL map, nodes, terminator) in slices, while
// transactions go on being applied between the slices (fuzzy). Lives at most as long as its
// database. Used on the thread that owns the database.
class SnapshotWalk {
 public:
  explicit SnapshotWalk(Database& database);
  ~SnapshotWalk();
  SnapshotWalk(const SnapshotWalk&) = delete;
  SnapshotWalk& operator=(const SnapshotWalk&) = delete;

  // The zxid at which the walk began: the snapshot's name.
  Zxid zxid() const;
  // Appends up to nodes_max nodes or about bytes_max bytes. True when the terminator was written.
  bool step(std::string& out, size_t nodes_max = 256, size_t bytes_max = 64 * 1024);

 private:
  friend class Tree;
  struct Cursor;
  std::unique_ptr<Cursor> cursor_;
};

}  // namespace zooid::state
