#include "cli/crosscheck_comparer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace zooid::cli {
namespace {

using wire::ErrorCode;
using wire::OpCode;

constexpr const char* kNothing = "nothing";

bool has_operation(const Step& step, OpCode type) {
  return std::any_of(step.requests.begin(), step.requests.end(), [&](const auto& request) {
    return request.type == static_cast<int32_t>(type);
  });
}

// Runs of events in the order of their text.
void sort_events(std::vector<SeenLine>& lines) {
  const auto is_event = [](const SeenLine& line) { return line.kind == SeenLine::Kind::kEvent; };
  for (auto begin = lines.begin(); begin != lines.end();) {
    begin = std::find_if(begin, lines.end(), is_event);
    const auto end = std::find_if_not(begin, lines.end(), is_event);
    std::sort(begin, end, [](const auto& a, const auto& b) { return a.text < b.text; });
    begin = end;
  }
}

bool is_end_of_unknown(const SeenLine& line) {
  return line.kind == SeenLine::Kind::kClosed || line.kind == SeenLine::Kind::kBarrier;
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

// The operation, and which words of the two lines differ: "create2 version= NONODE".
std::string signature_of(const SeenLine& reference, const SeenLine& candidate) {
  const int32_t type = reference.type != 0 ? reference.type : candidate.type;
  std::string text = reference.kind == SeenLine::Kind::kBarrier ? "barrier"
                     : type != 0 ? wire::op_name(static_cast<OpCode>(type))
                                 : first_word(reference.text);
  if (first_word(reference.text) != first_word(candidate.text)) {
    return text + ' ' + first_word(reference.text) + '/' + first_word(candidate.text);
  }
  size_t at = 0;
  while (at < reference.text.size() && at < candidate.text.size() &&
         reference.text[at] == candidate.text[at]) {
    ++at;
  }
  const size_t space = reference.text.rfind(' ', at);
  const std::string word =
      first_word(reference.text.substr(space == std::string::npos ? 0 : space + 1));
  return text + ' ' + word.substr(0, word.find('='));
}

}  // namespace

bool Comparer::is_excused(const SeenLine& reference, const SeenLine& candidate) {
  if (reference.path_was_null && candidate.path_was_null &&
      candidate.err == static_cast<int32_t>(ErrorCode::kMarshallingError)) {
    ++excused_[CrosscheckRule::kNullPaths];
    return true;
  }
  if (profile_ == CrosscheckProfile::k38 && reference.type == candidate.type &&
      reference.type == static_cast<int32_t>(OpCode::kExists) && reference.err == 0 &&
      candidate.err == static_cast<int32_t>(ErrorCode::kNoAuth)) {
    ++excused_[CrosscheckRule::kExistsNeedsRead38];
    return true;
  }
  if (profile_ == CrosscheckProfile::k38 && reference.type == candidate.type &&
      reference.type == static_cast<int32_t>(OpCode::kCheckWatches) &&
      reference.err != candidate.err &&
      candidate.err == static_cast<int32_t>(ErrorCode::kNoWatcher)) {
    ++excused_[CrosscheckRule::kCheckWatchesOfOthers38];
    return true;
  }
  return false;
}

std::optional<Difference> Comparer::compare(const Step& step, StepLines reference,
                                            StepLines candidate) {
  const bool closes = has_operation(step, OpCode::kCloseSession);
  const bool is_unknown =
      step.kind == StepKind::kRequests && step.requests.size() == 1 &&
      std::string(wire::op_name(static_cast<OpCode>(step.requests[0].type))) == "unknown";
  const bool is_check_alone = step.kind == StepKind::kRequests && step.requests.size() == 1 &&
                              has_operation(step, OpCode::kCheck);
  const bool is_notification = has_operation(step, OpCode::kNotification);
  std::set<std::string> labels;
  for (const auto* side : {&reference, &candidate}) {
    for (const auto& [label, lines] : *side) labels.insert(label);
  }
  for (const std::string& label : labels) {
    std::vector<SeenLine>&left = reference[label], &right = candidate[label];
    if (is_ensemble_ && label.ends_with(kFormerConnection)) {
      if (left != right) ++excused_[CrosscheckRule::kFormerConnections];
      continue;
    }
    if (closes) sort_events(left), sort_events(right);
    if (is_unknown || is_check_alone || is_notification) {
      const size_t before = left.size();
      std::erase_if(left, is_end_of_unknown);
      std::erase_if(right, is_end_of_unknown);
      if (left.size() < before) ++excused_[CrosscheckRule::kUnknownOperation];
    }
    for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      const SeenLine none{.text = kNothing};
      const SeenLine& a = i < left.size() ? left[i] : none;
      const SeenLine& b = i < right.size() ? right[i] : none;
      if (a == b || is_excused(a, b)) continue;
      return Difference{.connection = label,
                        .reference = a.text,
                        .candidate = b.text,
                        .signature = signature_of(a, b)};
    }
  }
  return std::nullopt;
}

std::optional<Difference> Comparer::compare_trees(const std::vector<std::string>& reference,
                                                  const std::vector<std::string>& candidate) const {
  for (size_t i = 0; i < std::max(reference.size(), candidate.size()); ++i) {
    const std::string a = i < reference.size() ? reference[i] : kNothing;
    const std::string b = i < candidate.size() ? candidate[i] : kNothing;
    if (a != b)
      return Difference{
          .connection = "the tree at the end", .reference = a, .candidate = b, .signature = "tree"};
  }
  return std::nullopt;
}

}  // namespace zooid::cli
