// The state as it will be when everything proposed so far has been applied: the database's tree,
// overlaid by path with what is pending. Data are not kept, only their length: what an operation
// needs of a node's data later is its digest, and that is kept.
//
// A transaction is begun, changes nodes, and stays, or is rolled back as a whole. Owned by the
// preparer, used on its thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "state/database.h"

namespace zooid::state {

class PendingChanges {
 public:
  // Where a node stands now: in the overlay or in the tree; false if it does not exist. Valid until
  // that node is changed.
  class Found {
   public:
    explicit operator bool() const { return node_ != kNoNode || (entry_ && entry_->second.exists); }

   private:
    friend class PendingChanges;
    struct Node {
      bool exists = false;
      bool owner_is_indexed = false;  // stands in created_ephemerals_
      int32_t child_count = 0;
      int32_t child_counter = 0;
      int32_t data_length = 0;
      wire::StatPersisted stat;
      AclPtr acl;
      uint64_t digest = 0;  // 0 too if digests are off
      Zxid zxid;            // of the last change
    };
    using Entry = std::pair<const std::string, Node>;
    Entry* entry_ = nullptr;  // null: not in the overlay
    NodeId node_ = kNoNode;   // only if entry_ is null
  };

  PendingChanges(const Database& database, bool digest_enabled, ExtendedTypes extended_types);

  // Starts a transaction. Its zxid is greater than that of every change before.
  void begin(Zxid zxid);
  // Undoes all since begin.
  void roll_back();
  // The tree has everything up to zxid: forgets what the overlay holds of it. Costs as much as
  // there are such changes.
  void on_applied(Zxid zxid);

  // "" and "/" are the root. Any text may be asked for.
  Found find(std::string_view path);
  const wire::StatPersisted& stat(const Found& found) const;
  const AclPtr& acl(const Found& found) const;
  int32_t child_count(const Found& found) const;
  // The number of the next sequential child. That is cversion, but behind its last value it goes on
  // with the lowest as long as the change is pending, as in ZooKeeper; cversion stays.
  int32_t child_counter(const Found& found) const;
  int64_t data_length(const Found& found) const;

  // Changes of the begun transaction, exactly as the database will apply them. `node`, `parent`
  // and `place` (where nothing is yet) are what find gave.
  void create(std::string_view path, const Found& place, const wire::NullableView& data, AclPtr acl,
              const wire::StatPersisted& stat, const Found& parent, int32_t parent_cversion);
  void remove(std::string_view path, const Found& node, const Found& parent);
  void set_data(std::string_view path, const wire::NullableView& data,
                const wire::StatPersisted& stat, const Found& node);
  void set_acl(std::string_view path, AclPtr acl, const wire::StatPersisted& stat,
               const Found& node);

  // Removes all ephemeral nodes of a session and gives their paths: first those that the overlay
  // holds, then the others by their numbers in the tree. Not to be rolled back. Costs little for
  // each node that the overlay does not hold: those are not brought into it, the session is
  // remembered as closed.
  std::vector<std::string> close_session(SessionId session);

  // The list as a shared one: that of the call before if it is equal, as most lists are.
  const AclPtr& share_acl(const wire::AclList& acl);

  // Of the tree with everything pending.
  uint64_t tree_digest() const;
  // Nodes changed and not yet forgotten, each counted once for each transaction.
  size_t size() const { return changes_.size(); }

 private:
  using Node = Found::Node;
  using Entry = Found::Entry;
  struct Change {
    Zxid zxid;
    Entry* entry;
  };
  struct Undo {
    Entry* entry;
    bool is_new;  // the overlay did not have it
    Node before;
  };

  struct Closed {
    Zxid zxid;
    SessionId session;
  };
  bool is_closed(SessionId session) const;
  // Is it gone with its session, though the tree still has it?
  bool is_gone_with_session(NodeId node) const;
  void take_children(NodeId parent, int32_t count);

  // The node to be changed now: brought into the overlay, its former value kept for roll_back.
  Entry& touch(std::string_view path, const Found& found);
  void set_stat(Entry& entry, const wire::StatPersisted& stat);
  void set_digest(Entry& entry, uint64_t digest);
  bool is_ephemeral(const Node& node) const;
  void index_owner(Entry& entry);
  void unindex_owner(Entry& entry);

  const Tree& tree() const { return database_.tree(); }  // loading replaces it

  const Database& database_;
  const bool digest_enabled_;
  const ExtendedTypes extended_types_;
  std::unordered_map<std::string, Node, TextHash, std::equal_to<>> nodes_;
  std::deque<Change> changes_;  // ascending zxids; one for each node of a transaction
  // Ephemerals that were created while pending; those of the tree are in the tree's own list.
  std::unordered_map<SessionId, std::unordered_set<const Entry*>, SessionHash> created_ephemerals_;

  // Sessions whose end is pending: their nodes in the tree count as removed, unless the overlay
  // has another one of that path. Ascending zxids; few, and no session twice.
  std::deque<Closed> closed_;

  AclPtr last_acl_;

  Zxid zxid_;
  std::vector<Undo> undo_;  // of the begun transaction
  uint64_t digest_ = 0;     // of the tree with everything pending; valid from begin on
  uint64_t digest_before_ = 0;
};

}  // namespace zooid::state
