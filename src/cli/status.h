// `zooid status`: asks servers what they are and says how the quorum stands.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/server_status.h"
#include "cli/status_targets.h"

namespace zooid::cli {

struct StatusRow {
  StatusTarget target;
  ServerStatus status;
  // Transactions behind the leader, of one that serves.
  std::optional<int64_t> lag;
};

// How the quorum stands. Every server counts once.
struct StatusView {
  std::vector<StatusRow> rows;
  bool is_ensemble = false;
  // Of an ensemble.
  int voters = 0;
  int needed = 0;       // a quorum
  int up = 0;           // voters that serve
  int waiting = 0;      // voters that look for a leader
  int unknown = 0;      // voters of which nobody could tell
  int more_needed = 0;  // until there is a quorum: voters that must come, besides those that wait
  bool has_quorum = false;
  std::optional<size_t> leader;  // its row
  // 0: all that was asked serves; 1: there is a quorum (or one serves), but not all do or can be
  // asked; 2: no quorum, or nobody serves.
  int exit_code = 0;
};

// `answers` in the order of the targets; that of a target whose address is taken is not looked at.
StatusView judge_status(const StatusTargets& targets, std::vector<ServerStatus> answers);
StatusView ask_status(Terminal& terminal, const StatusTargets& targets);

std::string status_text(const StatusView& view);
std::string status_json(const StatusView& view);  // one object, with a final newline

}  // namespace zooid::cli
