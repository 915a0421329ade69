#include "sim/reply_checker.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::sim {

using wire::ErrorCode;
using wire::OpCode;

namespace {

bool is_create(OpCode type) {
  return type == OpCode::kCreate || type == OpCode::kCreate2 || type == OpCode::kCreateContainer ||
         type == OpCode::kCreateTtl;
}

}  // namespace

ReplyChecker::ReplyChecker(const History& history,
                           std::vector<EnsembleChecker::Committed> committed, const Limits& limits,
                           Verdict& verdict)
    : history_(history),
      committed_(std::move(committed)),
      tick_ms_(limits.tick_ms),
      has_local_sessions_(limits.local_sessions),
      verdict_(verdict) {
  for (const EnsembleChecker::Committed& entry : committed_) {
    const auto txn = wire::read_txn(entry.txn.view());
    if (txn && txn->header.type == OpCode::kCreateSession) {
      global_sessions_.insert(txn->header.session);
    }
  }
}

void ReplyChecker::fail_with(const Operation& operation, const char* checker,
                             const std::string& text) {
  verdict_.fail(operation.completed_us, checker, "client{} session=0x{:x} {} {} zxid=0x{:x} {}: {}",
                operation.client, static_cast<uint64_t>(operation.session.value),
                wire::op_name(operation.type), operation.path, operation.zxid,
                wire::error_name(operation.err), text);
}

void ReplyChecker::check() {
  check_order();
  check_real_time();
  replay();
  check_sessions();
}

// ---- without a model ----

void ReplyChecker::check_order() {
  std::map<SessionId, std::pair<int64_t, int32_t>> newest;  // zxid, cxid
  std::vector<const Operation*> answered;
  for (const Operation& operation : history_.operations) {
    if (operation.is_answered()) answered.push_back(&operation);
  }
  std::ranges::sort(answered, {}, &Operation::completion);
  for (const Operation* operation : answered) {
    auto& [zxid, cxid] = newest[operation->session];
    if (operation->zxid < zxid) {
      fail(*operation, "one client's replies never go back", "behind a reply of 0x{:x}", zxid);
    }
    if (operation->cxid <= cxid) {
      fail(*operation, "replies come in the order of requests", "xid {} behind {}", operation->cxid,
           cxid);
    }
    // A sync's zxid is the one of the tree when its reply was made: a write behind it in the same
    // batch may have been applied by then.
    if (operation->type != OpCode::kSync) zxid = operation->zxid;
    cxid = operation->cxid;
  }
}

// Whoever began after a write was answered has a later zxid, if it is a write too, or a read behind
// a sync that began after it.
void ReplyChecker::check_real_time() {
  std::vector<const Operation*> begun, ended;
  std::map<SessionId, int64_t> synced;  // what the session's later replies must have seen
  for (const Operation& operation : history_.operations) {
    if (!operation.is_answered()) continue;
    if (!is_transaction(operation) && operation.type != OpCode::kSync) continue;
    begun.push_back(&operation);
    if (is_transaction(operation)) ended.push_back(&operation);
  }
  std::ranges::stable_sort(begun, {}, &Operation::invoked_us);
  std::ranges::stable_sort(ended, {}, &Operation::completed_us);
  int64_t newest = 0;
  size_t next = 0;
  for (const Operation* operation : begun) {
    for (; next < ended.size() && ended[next]->completed_us < operation->invoked_us; ++next) {
      newest = std::max(newest, ended[next]->zxid);
    }
    const bool is_sync = operation->type == OpCode::kSync;
    if (is_sync ? operation->zxid < newest : operation->zxid <= newest) {
      fail(*operation, "writes are linearizable", "0x{:x} was answered before it began", newest);
    }
  }
}

// ---- with the model ----

void ReplyChecker::replay() {
  std::vector<const Operation*> answered;
  for (const Operation& operation : history_.operations) {
    if (operation.is_answered()) answered.push_back(&operation);
  }
  std::ranges::stable_sort(answered, {}, &Operation::zxid);
  size_t next = 0;
  // What was read before the next transaction.
  const auto check_reads_below = [&](int64_t zxid) {
    for (; next < answered.size() && answered[next]->zxid < zxid; ++next) {
      const Operation& operation = *answered[next];
      if (is_transaction(operation)) {
        fail(operation, "no acknowledged write is lost", "the history has no such transaction");
      } else {
        check_read(operation);
      }
    }
  };
  for (const EnsembleChecker::Committed& entry : committed_) {
    if (!verdict_.is_ok()) return;
    if (entry.txn.empty()) continue;
    check_reads_below(entry.zxid.value);
    const auto txn = wire::read_txn(entry.txn.view());
    if (!txn) {
      verdict_.fail(entry.first_seen_us, "transactions are readable", "0x{:x}", entry.zxid.value);
      return;
    }
    if (txn->header.type == OpCode::kCloseSession) {
      closed_us_.try_emplace(txn->header.session, entry.first_seen_us);
    }
    size_t end = next;
    for (; end < answered.size() && answered[end]->zxid == entry.zxid.value; ++end) {
      if (is_transaction(*answered[end])) check_write(*answered[end], *txn, model_);
    }
    const std::string wrong = model_.apply(*txn);
    if (!wrong.empty()) {
      verdict_.fail(entry.first_seen_us, "transactions fit the history", "0x{:x}: {}",
                    entry.zxid.value, wrong);
    }
    for (const Model::Change& change : model_.changes()) {
      changes_[change.path].push_back({entry.zxid.value, change.kind});
    }
    for (; next < end; ++next) {
      const Operation& operation = *answered[next];
      is_transaction(operation) ? check_after_write(operation, *txn) : check_read(operation);
    }
  }
  check_reads_below(INT64_MAX);
}

void ReplyChecker::check_write(const Operation& operation, const wire::Txn& txn,
                               const Model& before) {
  const bool is_its_own =
      txn.header.session == operation.session && txn.header.cxid == operation.cxid;
  if (!is_its_own) {
    fail(operation, "every write has a transaction of its own",
         "the transaction is of session 0x{:x} xid {}, not {}",
         static_cast<uint64_t>(txn.header.session.value), txn.header.cxid, operation.cxid);
    return;
  }
  const auto* error = std::get_if<wire::ErrorTxn>(&txn.body);
  const ErrorCode told = error != nullptr ? error->err : ErrorCode::kOk;
  if (operation.type != OpCode::kMulti && told != operation.err) {
    fail(operation, "a write's reply is its transaction's", "the transaction says {}",
         wire::error_name(told));
  }
  if (operation.err != ErrorCode::kOk) return check_refusal(operation, before);
  // What was made conditional happened under its condition.
  const ModelNode* node = before.find(operation.path);
  if (operation.version == -1 || node == nullptr) return;
  const int32_t was = operation.type == OpCode::kSetAcl ? node->aversion : node->version;
  if (was != operation.version) {
    fail(operation, "versions are compared", "asked for {}, was {}", operation.version, was);
  }
}

// Only the reasons that the model can judge.
void ReplyChecker::check_refusal(const Operation& operation, const Model& before) {
  const ModelNode* node = before.find(operation.path);
  bool is_right = true;
  switch (operation.err) {
    case ErrorCode::kNoNode:
      is_right = is_create(operation.type) ? before.find(parent_path(operation.path)) == nullptr
                                           : node == nullptr;
      break;
    case ErrorCode::kNodeExists:
      is_right = node != nullptr;
      break;
    case ErrorCode::kNotEmpty:
      is_right = node != nullptr && !node->children.empty();
      break;
    case ErrorCode::kBadVersion:
      is_right =
          node != nullptr &&
          operation.version != (operation.type == OpCode::kSetAcl ? node->aversion : node->version);
      break;
    case ErrorCode::kNoChildrenForEphemerals: {
      const ModelNode* parent = before.find(parent_path(operation.path));
      is_right = parent != nullptr && parent->is_ephemeral;
      break;
    }
    default:
      break;
  }
  if (!is_right) fail(operation, "refusals have their reason", "the history gives none");
}

void ReplyChecker::check_after_write(const Operation& operation, const wire::Txn& txn) {
  if (!operation.is_ok() || operation.type == OpCode::kMulti) return;
  wire::Reader in(operation.reply);
  wire::Stat stat;
  std::string path = operation.path;
  if (is_create(operation.type)) {
    path = in.buffer();
    const auto* create = std::get_if<wire::CreateTxn>(&txn.body);
    if (create == nullptr || create->path != path || create->data != operation.data) {
      fail(operation, "a write's reply is its transaction's", "told {}", path);
      return;
    }
    if (!path.starts_with(operation.path)) {
      fail(operation, "a write's reply is its transaction's", "told {}", path);
    }
  }
  if (operation.type == OpCode::kSetData) {
    const auto* set = std::get_if<wire::SetDataTxn>(&txn.body);
    if (set == nullptr || set->path != path || set->data != operation.data) {
      fail(operation, "a write's reply is its transaction's", "another setData");
      return;
    }
  }
  if (operation.type == OpCode::kSetAcl) {
    const auto* set = std::get_if<wire::SetAclTxn>(&txn.body);
    if (set == nullptr || set->path != path || set->acl != operation.acl) {
      fail(operation, "a write's reply is its transaction's", "another setACL");
      return;
    }
  }
  if (operation.type != OpCode::kCreate && operation.type != OpCode::kDelete &&
      operation.type != OpCode::kCloseSession) {
    wire::read(in, stat);
    if (!in.ok()) fail(operation, "replies can be read", "{} bytes", operation.reply.size());
    check_stat(operation, stat, path);
  }
}

// ---- sessions ----

void ReplyChecker::check_sessions() {
  // The servers hear of a client's signs of life in groups, every half tick.
  const int64_t slack_us = 2 * tick_ms_ * 1000;
  for (const SessionLife& life : history_.sessions) {
    const auto closed = closed_us_.find(life.id);
    if (closed == closed_us_.end()) {
      const bool may_end_unseen = has_local_sessions_ && is_local(life.id);
      if (life.expired_us != kNever && !may_end_unseen) {
        verdict_.fail(life.expired_us, "sessions end by a transaction",
                      "client{} session=0x{:x} was told that it has expired", life.client,
                      static_cast<uint64_t>(life.id.value));
      }
      continue;
    }
    if (life.is_close_asked) continue;
    const int64_t least_us = life.proven_us + int64_t{life.timeout_ms} * 1000 - slack_us;
    if (closed->second < least_us) {
      verdict_.fail(closed->second, "sessions do not end early",
                    "client{} session=0x{:x} timeout={}ms wrote at {:.3f}s", life.client,
                    static_cast<uint64_t>(life.id.value), life.timeout_ms,
                    static_cast<double>(life.proven_us) / 1e6);
    }
  }
}

}  // namespace zooid::sim
