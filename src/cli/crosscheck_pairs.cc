#include "cli/crosscheck_pairs.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace zooid::cli {
namespace {

std::string name_of(int64_t reference) {
  return fmt::format("#{:x}", static_cast<uint64_t>(reference));
}

}  // namespace

bool PairedIds::pair(int64_t reference, int64_t candidate) {
  const auto known_reference = by_reference_.find(reference);
  const auto known_candidate = by_candidate_.find(candidate);
  if (known_reference != by_reference_.end() || known_candidate != by_candidate_.end()) {
    return known_reference != by_reference_.end() && known_reference->second == candidate;
  }
  by_reference_.emplace(reference, candidate);
  by_candidate_.emplace(candidate, reference);
  if (by_reference_.size() > kPairsMax) {
    by_candidate_.erase(by_reference_.begin()->second);
    by_reference_.erase(by_reference_.begin());
  }
  ASSERT(by_reference_.size() == by_candidate_.size());
  return true;
}

std::optional<int64_t> PairedIds::candidate_of(int64_t reference) const {
  const auto known = by_reference_.find(reference);
  if (known == by_reference_.end()) return std::nullopt;
  return known->second;
}

std::optional<int64_t> PairedIds::candidate_at_most(int64_t reference) const {
  auto above = by_reference_.upper_bound(reference);
  if (above == by_reference_.begin()) return std::nullopt;
  return std::prev(above)->second;
}

std::optional<std::string> PairedIds::name_of_reference(int64_t reference) const {
  if (!by_reference_.contains(reference)) return std::nullopt;
  return name_of(reference);
}

std::optional<std::string> PairedIds::name_of_candidate(int64_t candidate) const {
  const auto known = by_candidate_.find(candidate);
  if (known == by_candidate_.end()) return std::nullopt;
  return name_of(known->second);
}

}  // namespace zooid::cli
