// Judges what the clients were told, when the run is over and the committed history is known:
//   - no acknowledged write is lost: its transaction is in the history, under the reply's zxid
//   - every reply is what the model says at its zxid, refusals included
//   - writes are linearizable: one that began after another was answered has a later zxid, and a
//     read behind a sync sees what was answered before the sync began
//   - one client's replies never go back, and come in the order of its requests
//   - sessions do not end early; ephemerals go with them, and only then
//   - what every server has in the end is what the history says
#pragma once

#include <map>
#include <set>
#include <vector>

#include "sim/ensemble_checker.h"
#include "sim/history.h"
#include "sim/limits.h"
#include "sim/model.h"
#include "sim/violation.h"

namespace zooid::sim {

class ReplyChecker {
 public:
  ReplyChecker(const History& history, std::vector<EnsembleChecker::Committed> committed,
               const Limits& limits, Verdict& verdict);

  void check();
  // The model after the whole history.
  const Model& model() const { return model_; }
  // When which path changed how, in zxid order: for the checker of watches.
  struct PathChange {
    int64_t zxid;
    Model::Change::Kind kind;
  };
  const std::map<std::string, std::vector<PathChange>>& changes() const { return changes_; }

 private:
  // Of a local session nothing is in the history.
  bool is_local(SessionId session) const { return !global_sessions_.contains(session); }
  // It changes the state: the end of a local session does not.
  bool is_transaction(const Operation& operation) const {
    return is_write(operation.type) &&
           (operation.type != wire::OpCode::kCloseSession || !is_local(operation.session));
  }
  void check_order();
  void check_real_time();
  void replay();
  void check_sessions();
  void check_write(const Operation& operation, const wire::Txn& txn, const Model& before);
  void check_after_write(const Operation& operation, const wire::Txn& txn);
  void check_read(const Operation& operation);
  void check_ephemerals(const Operation& operation);
  void check_multi_read(const Operation& operation);
  int32_t descendants(const std::string& path) const;
  void check_refusal(const Operation& operation, const Model& before);
  void check_stat(const Operation& operation, const wire::Stat& stat, const std::string& path);
  template <class... Args>
  void fail(const Operation& operation, const char* checker, fmt::format_string<Args...> format,
            Args&&... args) {
    fail_with(operation, checker, fmt::format(format, std::forward<Args>(args)...));
  }
  void fail_with(const Operation& operation, const char* checker, const std::string& text);

  const History& history_;
  const std::vector<EnsembleChecker::Committed> committed_;
  std::set<SessionId> global_sessions_;
  const int64_t tick_ms_;
  const bool has_local_sessions_;
  Verdict& verdict_;
  Model model_;
  std::map<std::string, std::vector<PathChange>> changes_;
  // closeSession transactions: when they were first seen.
  std::map<SessionId, int64_t> closed_us_;
};

}  // namespace zooid::sim
