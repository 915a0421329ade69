#include "cli/crosscheck_rules.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace zooid::cli {
namespace {

using Rule = CrosscheckRule;

constexpr CrosscheckRuleText kRules[] = {
    {Rule::kZxids, "zxids", "normalised",
     "Servers have different histories. A zxid counts from the transaction that made the play's "
     "root; "
     "older ones are all the same; 0 and -1 stay."},
    {Rule::kTimes, "times", "normalised",
     "Clocks differ. A time must be the same wherever its zxid appears, and lie in the play."},
    {Rule::kSessionIds, "session-ids", "normalised",
     "Servers choose them. They are numbered in the order in which they are first seen."},
    {Rule::kPasswords, "passwords", "normalised",
     "They follow from the session id: compared with the function of client-protocol 4."},
    {Rule::kUnorderedLists, "unordered-lists", "normalised",
     "ZooKeeper answers children, ephemerals, identities and ACLs made of identities in the order "
     "of "
     "a hash table."},
    {Rule::kSharedNodes, "shared-nodes", "normalised",
     "/, /zookeeper and /zookeeper/quota remember earlier plays (counts, cversion, children), and "
     "/zookeeper/config holds addresses."},
    {Rule::kCloseSessionEvents, "close-session-events", "normalised",
     "The ephemerals of a session are deleted in the order of a hash table: the events of that "
     "step "
     "are compared without order."},
    {Rule::kAuthOvertakes, "auth-overtakes", "normalised",
     "auth and sasl are answered outside the order of requests (client-protocol 8.1): compared "
     "apart."},
    {Rule::kEventZxid38, "event-zxid", "3.8",
     "3.8 sends -1 in the header of an event, 3.9 the zxid of the transaction."},
    {Rule::kCreate2InMulti38, "create2-in-multi", "3.8",
     "3.8.0 answers a create2 in a multi as create, as it does each kind whose flags are those of "
     "a plain node; since 3.8.2 it has its Stat."},
    {Rule::kExistsNeedsRead38, "exists-needs-read", "3.8",
     "exists requires READ since 3.8.4 and 3.9.2."},
    {Rule::kWatchModes38, "watch-modes", "3.8",
     "3.8 keeps one mode for each path and connection, 3.9 all side by side: each path gets one "
     "mode."},
    {Rule::kWatchTypes38, "watch-types", "3.8",
     "checkWatches and removeWatches know the types 4 and 5 since 3.9, and before that 1 and 2 "
     "meant "
     "persistent watches as well: only sent where both agree."},
    {Rule::kCheckAlone38, "check-alone", "3.8",
     "A check outside a multi makes the log of 3.8.0 unreadable: not sent."},
    {Rule::kCheckWatchesOfOthers38, "check-watches-of-others", "3.8",
     "checkWatches of 3.8 is satisfied by a watch that another connection has."},
    {Rule::kMalformedWrites38, "malformed-writes", "3.8",
     "A write that cannot be read uses up a zxid in 3.8, not so since 3.9: not sent, multi "
     "excepted."},
    {Rule::kFlagsInMulti38, "flags-in-multi", "3.8",
     "An unknown create flag or a null ACL fails its operation in a multi of 3.8, the whole "
     "request "
     "since 3.9: not sent."},
    {Rule::kKindsInMulti38, "kinds-in-multi", "3.8",
     "In a multi 3.8.0 goes by the flags of a create alone (a createContainer with flags of an "
     "ephemeral makes an ephemeral), since 3.8.2 by its type as well: only sent where both agree."},
    {Rule::kUnknownOperation, "unknown-operation", "intended",
     "ZooKeeper answers UNIMPLEMENTED and closes; Zooid keeps the connection, so one request of a "
     "newer client does not cost its session's watches."},
    {Rule::kInternalOperations, "internal-operations", "not sent",
     "createSession, deleteContainer and error belong to servers; ZooKeeper carries the first two "
     "out "
     "for any client, without ACL check; Zooid answers UNIMPLEMENTED."},
    {Rule::kSupplementaryCharacters, "supplementary-characters", "intended",
     "Java writes a character beyond the basic plane as two encoded surrogates, which is no UTF-8; "
     "Zooid gives back what was sent. No node can have such a path: only echoes show it."},
    {Rule::kTtlWithoutFlags, "ttl-without-ttl-flags", "not sent",
     "A createTTL with a negative ttl and flags of another kind ends a ZooKeeper server, which "
     "cannot "
     "read its own log afterwards; Zooid answers BADARGUMENTS."},
    {Rule::kNullPaths, "null-paths", "intended",
     "A null path is unreadable for every operation; ZooKeeper takes one in sync and addWatch and "
     "has "
     "other errors for some. No client library can send one."},
    {Rule::kErrorBodies, "error-bodies", "normalised",
     "Behind the header of an unreadable multiRead ZooKeeper leaves the end of a result list, "
     "which no "
     "client reads."},
    {Rule::kQuotaTexts, "quota-texts", "not sent",
     "A limits node with a text that is no quota makes ZooKeeper answer MARSHALLINGERROR to all "
     "writes "
     "below; Zooid ignores it."},
    {Rule::kPendingAcls, "pending-acls", "not sent",
     "A write sent behind a setACL of its node is judged by the new ACL; by ZooKeeper by the old "
     "one, if the setACL is not committed yet, so its answer depends on timing: a setACL is the "
     "last of what is pipelined."},
    {Rule::kPendingQuotas, "pending-quotas", "not sent",
     "Limits and usage of a quota are those that are committed when a write is judged, in both: "
     "whether a write just before it counts depends on timing. Once a play has a quota, each write "
     "is the last of what is pipelined."},
    {Rule::kUnreadableWrites, "unreadable-writes", "not sent",
     "A write that cannot be read stops an ensemble of 3.9 for good: its leader waits for a "
     "transaction that was never made. Zooid answers it and goes on. Only sent to single servers."},
    {Rule::kFormerConnections, "former-connections", "normalised",
     "Of an ensemble: a connection whose session has moved to another server is closed, by a "
     "leader "
     "of ZooKeeper at its next request, by Zooid at once, by a follower when the session ends. "
     "What "
     "still comes on it before depends on timing."},
};

}  // namespace

std::span<const CrosscheckRuleText> crosscheck_rules() {
  return kRules;
}

const CrosscheckRuleText& text_of(CrosscheckRule rule) {
  const CrosscheckRuleText& text = kRules[static_cast<size_t>(rule)];
  ASSERT(text.rule == rule);
  return text;
}

std::string crosscheck_rules_text() {
  std::string text;
  for (const CrosscheckRuleText& rule : kRules) {
    text += fmt::format("{}\t{}\t{}\n", rule.name, rule.kind, rule.reason);
  }
  return text;
}

}  // namespace zooid::cli
