#include "cli/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/assert.h"

namespace zooid::cli {
namespace {

bool was_reached(const StatusRow& row) {
  return row.status.peer.port != 0;
}

bool serves_alone_or_not(ServerState state) {
  return serves_in_ensemble(state) || state == ServerState::kStandalone;
}

std::string row_name(const StatusRow& row) {
  return row.target.id ? fmt::format("server.{}", row.target.id->value) : row.target.address.text();
}

// Which of several rows that one server answered is that server's: who says so itself before what
// the file knows before what is assumed.
auto claim(const StatusRow& row) {
  const bool says_so = row.target.id && row.status.answered_as == row.target.id;
  return std::tuple(says_so, row.target.is_self, !row.target.is_port_assumed);
}

// Another one than was meant answered, where servers tell their ids.
void mark_strangers(StatusView& view) {
  for (StatusRow& row : view.rows) {
    ServerStatus& status = row.status;
    if (!row.target.id || !status.answered_as || status.answered_as == row.target.id) continue;
    if (status.state == ServerState::kStandalone) continue;
    status.detail = fmt::format("server.{} answers there", status.answered_as->value);
    status.state = ServerState::kOtherServer;
  }
}

bool is_same_server(const StatusRow& a, const StatusRow& b) {
  if (!was_reached(a) || !was_reached(b)) return false;
  if (a.status.peer == b.status.peer) return true;
  if (!serves_in_ensemble(a.status.state) || !serves_in_ensemble(b.status.state)) return false;
  if (a.status.answered_as && a.status.answered_as == b.status.answered_as) return true;
  // An epoch has one leader.
  return a.status.state == ServerState::kLeader && b.status.state == ServerState::kLeader &&
         a.status.epoch() == b.status.epoch();
}

// One server counts once, whatever number of names and addresses lead to it.
void mark_repetitions(StatusView& view) {
  for (size_t i = 0; i < view.rows.size(); ++i) {
    for (size_t k = i + 1; k < view.rows.size(); ++k) {
      if (view.rows[i].status.state == ServerState::kOtherServer) break;
      if (view.rows[k].status.state == ServerState::kOtherServer) continue;
      if (!is_same_server(view.rows[i], view.rows[k])) continue;
      const bool first_is = claim(view.rows[i]) >= claim(view.rows[k]);
      const StatusRow& real = view.rows[first_is ? i : k];
      StatusRow& other = view.rows[first_is ? k : i];
      other.status.state = ServerState::kOtherServer;
      other.status.detail = fmt::format("{} answers there, too", row_name(real));
    }
  }
}

void find_leader(StatusView& view) {
  for (size_t i = 0; i < view.rows.size(); ++i) {
    if (view.rows[i].status.state != ServerState::kLeader) continue;
    if (!view.leader) {
      view.leader = i;
      continue;
    }
    StatusRow* old = &view.rows[i];
    if (view.rows[*view.leader].status.epoch() < old->status.epoch()) {
      old = &view.rows[*view.leader];
      view.leader = i;
    }
    old->status.state = ServerState::kOldLeader;
    old->status.detail =
        fmt::format("of epoch {}, while {} leads in epoch {}", old->status.epoch(),
                    row_name(view.rows[*view.leader]), view.rows[*view.leader].status.epoch());
  }
  if (!view.leader) return;
  const ServerStatus& leader = view.rows[*view.leader].status;
  for (StatusRow& row : view.rows) {
    const ServerStatus& status = row.status;
    if (!serves_in_ensemble(status.state) || !status.zxid || !leader.zxid) continue;
    if (status.epoch() > leader.epoch()) continue;
    // Who serves has all of the epochs before. They were not asked at the same instant.
    constexpr int64_t kCounterMask = 0xffffffff;
    row.lag = status.epoch() < leader.epoch() ? *leader.zxid & kCounterMask
                                              : std::max<int64_t>(0, *leader.zxid - *status.zxid);
  }
}

bool is_voter(const StatusRow& row) {
  return row.target.is_voter && row.status.state != ServerState::kObserver;
}

void count_voters(StatusView& view) {
  int told = 0;
  const bool is_list = std::ranges::none_of(
      view.rows, [](const StatusRow& row) { return row.target.id.has_value(); });
  for (const StatusRow& row : view.rows) {
    // A repetition in a list is no voter of its own.
    if (!is_voter(row)) continue;
    if (is_list && row.status.state == ServerState::kOtherServer) continue;
    ++view.voters;
    view.up += serves_in_ensemble(row.status.state);
    view.waiting += waits_for_quorum(row.status.state);
    view.unknown += is_unknown(row.status.state);
    told = std::max(told, row.status.members_told);
  }
  // Who follows has a leader, which the list then does not name.
  if (is_list && view.up > 0 && !view.leader) ++view.unknown;
  // Nor need it name all of the ensemble.
  if (is_list && told > view.voters) {
    view.unknown = std::max(view.unknown, told - view.voters);
    view.voters = told;
  }
}

}  // namespace

StatusView judge_status(const StatusTargets& targets, std::vector<ServerStatus> answers) {
  ASSERT(answers.size() == targets.servers.size());
  StatusView view;
  view.is_ensemble = targets.is_ensemble;
  for (size_t i = 0; i < answers.size(); ++i) {
    StatusRow row{targets.servers[i], std::move(answers[i]), std::nullopt};
    row.status.address = row.target.address;
    if (row.target.is_address_taken) {
      row.status = ServerStatus{.address = row.target.address};
      row.status.detail = "no file here tells its client port";
    } else if (view.is_ensemble && row.status.state == ServerState::kStandalone) {
      row.status.detail = "not a member: a server that runs by itself";
    }
    view.rows.push_back(std::move(row));
  }
  mark_strangers(view);
  mark_repetitions(view);
  const auto serving = std::ranges::count_if(
      view.rows, [](const StatusRow& row) { return serves_alone_or_not(row.status.state); });
  const bool are_lone = std::ranges::all_of(view.rows, [](const StatusRow& row) {
    return !row.target.id && row.status.state == ServerState::kStandalone;
  });
  if (!view.is_ensemble || are_lone) {
    view.is_ensemble = false;
    for (StatusRow& row : view.rows) {
      if (are_lone) row.status.detail.clear();
    }
    view.exit_code = serving == std::ssize(view.rows) ? 0 : serving > 0 ? 1 : 2;
    return view;
  }
  find_leader(view);
  count_voters(view);
  view.needed = view.voters / 2 + 1;
  // Who serves has a quorum behind it, unless the others are known not to be there.
  view.has_quorum = view.up > 0 && view.up + view.unknown >= view.needed;
  if (!view.has_quorum) {
    view.more_needed = std::max(0, view.needed - view.up - view.waiting);
  }
  const bool all_serve = std::ranges::all_of(
      view.rows, [](const StatusRow& row) { return serves_in_ensemble(row.status.state); });
  view.exit_code = !view.has_quorum ? 2 : all_serve && view.unknown == 0 ? 0 : 1;
  return view;
}

StatusView ask_status(Terminal& terminal, const StatusTargets& targets) {
  std::vector<env::Endpoint> addresses;
  for (const StatusTarget& target : targets.servers) {
    if (!target.is_address_taken) addresses.push_back(target.address);
  }
  std::vector<ServerStatus> asked = ask_servers(terminal, addresses);
  std::vector<ServerStatus> answers;
  size_t used = 0;
  for (const StatusTarget& target : targets.servers) {
    answers.push_back(target.is_address_taken ? ServerStatus{} : std::move(asked[used++]));
  }
  return judge_status(targets, std::move(answers));
}

}  // namespace zooid::cli
