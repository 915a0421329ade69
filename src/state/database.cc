#include "state/database.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "state/database_parts.h"
#include "state/paths.h"

namespace zooid::state {
namespace {

constexpr std::string_view kZooKeeper = "zookeeper";
constexpr std::string_view kConfig = "config";
constexpr std::string_view kQuota = "quota";
constexpr int32_t kConfigVersion = -1;

// Finds or creates a child with an empty Stat.
NodeId ensure_child(Tree& tree, NodeId parent, std::string_view name) {
  const NodeId child = tree.find_child(parent, name);
  return child != kNoNode ? child : tree.create(parent, name, std::string_view{}, -1, {});
}

NodeId ensure_config(Tree& tree) {
  const NodeId parent = ensure_child(tree, kRoot, kZooKeeper);
  if (const NodeId config = tree.find_child(parent, kConfig); config != kNoNode) return config;
  const int64_t readable =
      tree.intern_acl({wire::Acl{wire::kPermRead, wire::Id{"world", "anyone"}}});
  wire::StatPersisted stat;
  stat.aversion = -1;
  return tree.create(parent, kConfig, std::string_view{}, readable, stat);
}

}  // namespace

Database::Database(DatabaseOptions options) : parts_(std::make_unique<Parts>(options)) {
  parts_->create_built_in_nodes();
}
Database::~Database() = default;

void Database::Parts::create_built_in_nodes() {
  ensure_config(*tree);
  ensure_child(*tree, tree->find_child(kRoot, kZooKeeper), kQuota);
  ASSERT(tree->find("/zookeeper/quota") != kNoNode);
}

const Tree& Database::tree() const {
  return *parts_->tree;
}
Zxid Database::last_zxid() const {
  return parts_->last_zxid;
}
void Database::set_last_zxid(Zxid zxid) {
  parts_->last_zxid = zxid;
}

std::vector<DigestMismatch> Database::take_digest_mismatches() {
  return std::exchange(parts_->mismatches, {});
}
bool Database::has_digest_mismatches() const {
  return !parts_->mismatches.empty();
}

const std::map<SessionId, int32_t>& Database::sessions() const {
  return parts_->sessions;
}

std::vector<std::string> Database::drop_orphaned_ephemerals() {
  std::vector<std::string> removed;
  for (const SessionId owner : parts_->tree->ephemeral_owners()) {
    if (parts_->sessions.contains(owner)) continue;
    const std::vector<std::string> paths = parts_->tree->ephemerals(owner);
    removed.insert(removed.end(), paths.begin(), paths.end());
    parts_->close_session(owner, parts_->last_zxid, {}, nullptr);
  }
  return removed;
}

void Database::set_config(std::string_view text, int64_t config_version, int64_t wall_ms) {
  Tree& tree = *parts_->tree;
  const NodeId config = ensure_config(tree);
  wire::StatPersisted stat = tree.stored(config);
  stat.mzxid = config_version;
  stat.mtime = wall_ms;
  stat.version = kConfigVersion;
  tree.set_data(config, text, stat);
}

namespace {

Error corrupt(std::string message) {
  return Error{Error::Kind::kCorrupt, std::move(message)};
}

}  // namespace

Result<> Database::load(const wire::SnapshotRecord& record) {
  Parts& parts = *parts_;
  if (!parts.is_loading) {
    ASSERT(!parts.tree->has_walks());
    parts.tree = std::make_unique<Tree>(parts.options.extended_types, parts.options.digest_enabled);
    parts.sessions.clear();
    parts.quotas = QuotaUsage{};
    parts.is_loading = true;
    parts.has_root = false;
    parts.loaded_zxid_max = Zxid{};
    parts.acl_key_max = 0;
    parts.loaded_parent = kNoNode;
  }
  if (const auto* session = std::get_if<wire::SnapshotSession>(&record)) {
    parts.sessions[session->id] = session->timeout_ms;
  } else if (const auto* acl = std::get_if<wire::SnapshotAcl>(&record)) {
    if (acl->key == INT64_MAX || parts.tree->has_acl_key(acl->key)) {
      return std::unexpected(corrupt(fmt::format("snapshot: ACL key {} cannot be", acl->key)));
    }
    parts.tree->restore_acl(acl->key, acl->acl);
    parts.acl_key_max = std::max(parts.acl_key_max, acl->key);
  } else if (const auto* node = std::get_if<wire::SnapshotNode>(&record)) {
    return parts.load_node(*node);
  }
  return {};
}

Result<> Database::Parts::load_node(const wire::SnapshotNode& record) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(corrupt(fmt::format("snapshot: node \"{}\": {}", record.path, why)));
  };
  if (!tree->has_acl_key(record.acl_key)) {
    // Keys grow, so one that is missing below the last of the map was left out.
    const bool is_later = record.acl_key > acl_key_max && record.acl_key != INT64_MAX;
    if (is_later) {
      MARK("state.acl_key_beyond_the_map");
      tree->restore_unexplained_acl(record.acl_key);
    }
  }
  if (!tree->has_acl_key(record.acl_key)) {
    return refuse(fmt::format("its ACL key {} is not in the map", record.acl_key));
  }
  for (const int64_t zxid : {record.stat.czxid, record.stat.mzxid, record.stat.pzxid}) {
    loaded_zxid_max = std::max(loaded_zxid_max, Zxid{zxid});
  }
  if (record.path.empty()) {
    if (has_root) return refuse("twice");
    has_root = true;
    tree->set_data(kRoot, record.data, record.stat);
    tree->set_acl(kRoot, record.acl_key, record.stat);
    return {};
  }
  if (record.path.front() != '/' || record.path.back() == '/') return refuse("is no path");
  const std::string_view above = parent_path(record.path);
  if (loaded_parent == kNoNode || above != loaded_parent_path) {
    loaded_parent = has_root ? tree->find(above) : kNoNode;
    loaded_parent_path = above;
  }
  if (loaded_parent == kNoNode) return refuse("stands before its parent");
  const std::string_view name = last_name(record.path);
  if (tree->find_child(loaded_parent, name) != kNoNode) return refuse("twice");
  tree->create(loaded_parent, name, record.data, record.acl_key, record.stat);
  return {};
}

void Database::finish_load(Zxid zxid) {
  Parts& parts = *parts_;
  parts.is_loading = false;
  parts.last_zxid = zxid;
  parts.create_built_in_nodes();
  parts.tree->drop_unused_acls();
  parts.quotas.recount(*parts.tree);
  // Unless set_snapshot_digest tells it exactly: what can be seen of the fuzzy range.
  const Zxid seen = parts.loaded_zxid_max;
  parts.fuzzy_end = seen > zxid ? seen : Zxid{};
  parts.snapshot_digest.reset();
}

void Database::set_fuzzy_end(Zxid zxid) {
  parts_->fuzzy_end = zxid;
  parts_->snapshot_digest.reset();
}

Zxid Database::fuzzy_end() const {
  return parts_->fuzzy_end;
}

bool Database::is_whole() const {
  return parts_->fuzzy_end <= parts_->last_zxid && !parts_->tree->has_unexplained_acls();
}

std::string Database::unexplained_acl() const {
  const Tree& tree = *parts_->tree;
  if (!tree.has_unexplained_acls()) return {};
  NodeId node = kRoot;
  while (node != kNoNode && !tree.is_acl_unexplained(node))
    node = tree.next_in_subtree(kRoot, node);
  ASSERT(node != kNoNode);
  return tree.path(node);
}

void Database::set_snapshot_digest(Zxid zxid, int64_t digest) {
  Parts& parts = *parts_;
  ASSERT(!parts.is_loading);
  // Zero: the writer had processed no transaction and knew no digest.
  if (!parts.options.digest_enabled || zxid.value == 0 || zxid < parts.last_zxid) return;
  parts.fuzzy_end = zxid;
  if (zxid > parts.last_zxid) {
    parts.snapshot_digest = digest;
  } else if (digest != static_cast<int64_t>(parts.tree->digest())) {
    parts.report_mismatch(zxid, digest, {});
  }
}

}  // namespace zooid::state
