// What may differ between two servers that are both right: one table with a reason each. The
// normaliser and the comparer name the entry they use.
#pragma once

#include <span>
#include <string>

namespace zooid::cli {

enum class CrosscheckRule {
  kZxids,
  kTimes,
  kSessionIds,
  kPasswords,
  kUnorderedLists,
  kSharedNodes,
  kCloseSessionEvents,
  kAuthOvertakes,
  kEventZxid38,
  kCreate2InMulti38,
  kExistsNeedsRead38,
  kWatchModes38,
  kWatchTypes38,
  kCheckAlone38,
  kCheckWatchesOfOthers38,
  kMalformedWrites38,
  kFlagsInMulti38,
  kKindsInMulti38,
  kUnknownOperation,
  kInternalOperations,
  kSupplementaryCharacters,
  kTtlWithoutFlags,
  kNullPaths,
  kErrorBodies,
  kQuotaTexts,
  kPendingAcls,
  kPendingQuotas,
  kUnreadableWrites,
  kFormerConnections,
};

struct CrosscheckRuleText {
  CrosscheckRule rule;
  const char* name;
  // "normalised": replaced on both sides; "3.8": applies with --profile 3.8; "intended": Zooid
  // differs from every ZooKeeper on purpose; "not sent": the generator makes no such requests.
  const char* kind;
  const char* reason;
};

std::span<const CrosscheckRuleText> crosscheck_rules();
const CrosscheckRuleText& text_of(CrosscheckRule rule);
// Tab-separated: name, kind, reason. docs/compatibility.md is made from it.
std::string crosscheck_rules_text();

}  // namespace zooid::cli
