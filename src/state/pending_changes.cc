#include "state/pending_changes.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "state/paths.h"

namespace zooid::state {
namespace {

std::string_view normal(std::string_view path) {
  return path.empty() ? "/" : path;
}

}  // namespace

PendingChanges::PendingChanges(const Database& database, bool digest_enabled,
                               ExtendedTypes extended_types)
    : database_(database), digest_enabled_(digest_enabled), extended_types_(extended_types) {}

void PendingChanges::begin(Zxid zxid) {
  ASSERT(changes_.empty() || changes_.back().zxid < zxid);
  digest_before_ = tree_digest();
  digest_ = digest_before_;
  zxid_ = zxid;
  undo_.clear();
}

void PendingChanges::roll_back() {
  ASSERT(changes_.size() >= undo_.size());
  while (!undo_.empty()) {
    Undo& undo = undo_.back();
    ASSERT(changes_.back().entry == undo.entry && changes_.back().zxid == zxid_);
    if (undo.entry->second.owner_is_indexed) unindex_owner(*undo.entry);
    if (undo.is_new) {
      nodes_.erase(nodes_.find(undo.entry->first));
    } else {
      const bool was_indexed = std::exchange(undo.before.owner_is_indexed, false);
      undo.entry->second = std::move(undo.before);
      if (was_indexed) index_owner(*undo.entry);
    }
    changes_.pop_back();
    undo_.pop_back();
  }
  digest_ = digest_before_;
}

void PendingChanges::on_applied(Zxid zxid) {
  undo_.clear();
  while (!changes_.empty() && changes_.front().zxid <= zxid) {
    Entry* entry = changes_.front().entry;
    // Only its last change takes it out: before that a later one still points to it.
    if (entry->second.zxid == changes_.front().zxid) {
      if (entry->second.owner_is_indexed) unindex_owner(*entry);
      nodes_.erase(nodes_.find(entry->first));
    }
    changes_.pop_front();
  }
  while (!closed_.empty() && closed_.front().zxid <= zxid) closed_.pop_front();
  ASSERT(!changes_.empty() || (nodes_.empty() && created_ephemerals_.empty() && closed_.empty()));
}

PendingChanges::Found PendingChanges::find(std::string_view path) {
  path = normal(path);
  Found found;
  if (!nodes_.empty()) {
    const auto it = nodes_.find(path);
    if (it != nodes_.end()) {
      found.entry_ = &*it;
      return found;
    }
  }
  // The tree takes absolute paths only, a client sends what it likes.
  if (path.front() == '/' && (path.size() == 1 || path.back() != '/')) {
    found.node_ = tree().find(path);
    if (is_gone_with_session(found.node_)) found.node_ = kNoNode;
  }
  return found;
}

const wire::StatPersisted& PendingChanges::stat(const Found& found) const {
  ASSERT(found);
  return found.entry_ ? found.entry_->second.stat : tree().stored(found.node_);
}

const AclPtr& PendingChanges::acl(const Found& found) const {
  ASSERT(found);
  return found.entry_ ? found.entry_->second.acl : tree().acl(found.node_);
}

int32_t PendingChanges::child_count(const Found& found) const {
  ASSERT(found);
  return found.entry_ ? found.entry_->second.child_count : tree().child_count(found.node_);
}
int32_t PendingChanges::child_counter(const Found& found) const {
  ASSERT(found);
  return found.entry_ ? found.entry_->second.child_counter : tree().stored(found.node_).cversion;
}

int64_t PendingChanges::data_length(const Found& found) const {
  ASSERT(found);
  if (found.entry_) return found.entry_->second.data_length;
  const wire::NullableView data = tree().data(found.node_);
  return data ? static_cast<int64_t>(data->size()) : 0;
}

PendingChanges::Entry& PendingChanges::touch(std::string_view path, const Found& found) {
  if (found.entry_ != nullptr) {
    Entry& entry = *found.entry_;
    if (entry.second.zxid == zxid_) return entry;
    undo_.push_back({&entry, false, entry.second});
    entry.second.zxid = zxid_;
    changes_.push_back({zxid_, &entry});
    return entry;
  }
  const auto [it, is_new] = nodes_.try_emplace(std::string(path));
  ASSERT(is_new);
  Node& node = it->second;
  if (found.node_ != kNoNode) {
    const wire::NullableView data = tree().data(found.node_);
    node.exists = true;
    node.stat = tree().stored(found.node_);
    node.child_count = tree().child_count(found.node_);
    node.child_counter = node.stat.cversion;
    node.data_length = data ? static_cast<int32_t>(data->size()) : 0;
    node.acl = tree().acl(found.node_);
    if (digest_enabled_) node.digest = node_digest(path, data, node.stat);
  }
  node.zxid = zxid_;
  undo_.push_back({&*it, true, {}});
  changes_.push_back({zxid_, &*it});
  return *it;
}

void PendingChanges::set_digest(Entry& entry, uint64_t digest) {
  digest_ += digest - entry.second.digest;
  entry.second.digest = digest;
}

void PendingChanges::set_stat(Entry& entry, const wire::StatPersisted& stat) {
  Node& node = entry.second;
  if (digest_enabled_ && counts_in_digest(entry.first)) {
    set_digest(entry, node.digest ^ digest_change(node.stat, stat));
  }
  node.stat = stat;
}

void PendingChanges::create(std::string_view path, const Found& place,
                            const wire::NullableView& data, AclPtr acl,
                            const wire::StatPersisted& stat, const Found& parent,
                            int32_t parent_cversion) {
  ASSERT(parent);
  ASSERT(!place);
  ASSERT(acl != nullptr);
  Entry& above = touch(parent_path(path), parent);
  wire::StatPersisted parent_stat = above.second.stat;
  // The counter only goes up, as when applied; so it stays where it is when it would wrap.
  if (parent_cversion > parent_stat.cversion) {
    parent_stat.cversion = parent_cversion;
    parent_stat.pzxid = zxid_.value;
  }
  set_stat(above, parent_stat);
  above.second.child_counter = parent_cversion;
  ++above.second.child_count;

  Entry& entry = touch(path, place);
  Node& node = entry.second;
  ASSERT(!node.exists);
  node.exists = true;
  node.stat = stat;
  node.child_count = 0;
  node.child_counter = stat.cversion;
  node.data_length = data ? static_cast<int32_t>(data->size()) : 0;
  node.acl = std::move(acl);
  if (digest_enabled_) set_digest(entry, node_digest(path, data, stat));
  if (is_ephemeral(node)) index_owner(entry);
}

void PendingChanges::remove(std::string_view path, const Found& found, const Found& parent) {
  ASSERT(found && parent);
  Entry& entry = touch(path, found);
  Node& node = entry.second;
  if (node.owner_is_indexed) unindex_owner(entry);
  set_digest(entry, 0);
  node.exists = false;
  node.acl = nullptr;
  node.child_count = 0;
  node.data_length = 0;

  Entry& above = touch(parent_path(path), parent);
  wire::StatPersisted parent_stat = above.second.stat;
  parent_stat.pzxid = std::max(parent_stat.pzxid, zxid_.value);
  set_stat(above, parent_stat);
  --above.second.child_count;
  ASSERT(above.second.child_count >= 0);
}

void PendingChanges::set_data(std::string_view path, const wire::NullableView& data,
                              const wire::StatPersisted& stat, const Found& found) {
  ASSERT(found);
  Entry& entry = touch(normal(path), found);
  Node& node = entry.second;
  ASSERT(node.stat.ephemeral_owner == stat.ephemeral_owner);
  node.stat = stat;
  node.data_length = data ? static_cast<int32_t>(data->size()) : 0;
  if (digest_enabled_) set_digest(entry, node_digest(path, data, stat));
}

void PendingChanges::set_acl(std::string_view path, AclPtr acl, const wire::StatPersisted& stat,
                             const Found& found) {
  ASSERT(found);
  ASSERT(acl != nullptr);
  Entry& entry = touch(normal(path), found);
  ASSERT(entry.second.stat.ephemeral_owner == stat.ephemeral_owner);
  set_stat(entry, stat);
  entry.second.acl = std::move(acl);
}

const AclPtr& PendingChanges::share_acl(const wire::AclList& acl) {
  if (last_acl_ == nullptr || last_acl_->list() != acl) {
    last_acl_ = std::make_shared<const StoredAcl>(acl);
  }
  return last_acl_;
}

bool PendingChanges::is_ephemeral(const Node& node) const {
  return node.exists &&
         node_kind(node.stat.ephemeral_owner, extended_types_) == NodeKind::kEphemeral;
}

void PendingChanges::index_owner(Entry& entry) {
  ASSERT(!entry.second.owner_is_indexed);
  created_ephemerals_[SessionId{entry.second.stat.ephemeral_owner}].insert(&entry);
  entry.second.owner_is_indexed = true;
}

void PendingChanges::unindex_owner(Entry& entry) {
  const auto it = created_ephemerals_.find(SessionId{entry.second.stat.ephemeral_owner});
  ASSERT(it != created_ephemerals_.end() && it->second.contains(&entry));
  it->second.erase(&entry);
  if (it->second.empty()) created_ephemerals_.erase(it);
  entry.second.owner_is_indexed = false;
}

bool PendingChanges::is_closed(SessionId session) const {
  return std::ranges::any_of(closed_, [&](const Closed& one) { return one.session == session; });
}

bool PendingChanges::is_gone_with_session(NodeId node) const {
  if (closed_.empty() || node == kNoNode) return false;
  const int64_t owner = tree().stored(node).ephemeral_owner;
  return owner != 0 && is_closed(SessionId{owner});
}

void PendingChanges::take_children(NodeId parent, int32_t count) {
  const std::string path = tree().path(parent);
  Entry& above = touch(path, find(path));
  wire::StatPersisted stat = above.second.stat;
  stat.pzxid = std::max(stat.pzxid, zxid_.value);
  set_stat(above, stat);
  above.second.child_count -= count;
  ASSERT(above.second.child_count >= 0);
}

std::vector<std::string> PendingChanges::close_session(SessionId session) {
  // What was created while pending, whoever the tree says the path belongs to.
  std::vector<std::string> paths;
  if (const auto created = created_ephemerals_.find(session);
      created != created_ephemerals_.end()) {
    for (const Entry* entry : created->second) paths.push_back(entry->first);
    std::ranges::sort(paths);
  }
  // What else the overlay has touched is judged one by one, the rest as a whole.
  std::vector<NodeId> untouched;
  const bool is_first = !is_closed(session);
  for (const NodeId node : is_first ? tree().ephemeral_nodes(session) : std::vector<NodeId>{}) {
    const auto it = nodes_.empty() ? nodes_.end() : nodes_.find(tree().path(node));
    if (it == nodes_.end()) {
      untouched.push_back(node);
    } else if (it->second.exists && !it->second.owner_is_indexed &&
               it->second.stat.ephemeral_owner == session.value) {
      paths.push_back(it->first);
    }
  }
  for (const std::string& path : paths) remove(path, find(path), find(parent_path(path)));
  if (untouched.empty()) return paths;

  MARK("state.session_closed_as_a_whole");
  paths.reserve(paths.size() + untouched.size());
  NodeId parent = kNoNode;
  int32_t children = 0;
  for (const NodeId node : untouched) {
    if (tree().parent(node) != parent) {
      if (children > 0) take_children(parent, children);
      parent = tree().parent(node);
      children = 0;
    }
    ++children;
    digest_ -= tree().digest(node);
    paths.push_back(tree().path(node));
  }
  take_children(parent, children);
  closed_.push_back({zxid_, session});
  return paths;
}

uint64_t PendingChanges::tree_digest() const {
  return changes_.empty() ? tree().digest() : digest_;
}

}  // namespace zooid::state
