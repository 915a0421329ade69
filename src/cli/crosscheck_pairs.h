// Which id of the candidate stands for which of the reference's. Two servers that do the same give
// their transactions and sessions ids of their own; what belongs together is learned where both
// answer the same request, and from then on a pair is one name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace zooid::cli {

class PairedIds {
 public:
  // False if one of them has another partner already; then nothing changes.
  bool pair(int64_t reference, int64_t candidate);

  std::optional<int64_t> candidate_of(int64_t reference) const;
  // The partner of the greatest known id of the reference that is not above this one.
  std::optional<int64_t> candidate_at_most(int64_t reference) const;
  // The name of a pair; nothing for an id without a partner.
  std::optional<std::string> name_of_reference(int64_t reference) const;
  std::optional<std::string> name_of_candidate(int64_t candidate) const;
  size_t size() const { return by_reference_.size(); }

  // The lowest are forgotten first: they belong to the oldest transactions.
  static constexpr size_t kPairsMax = size_t{1} << 18;

 private:
  std::map<int64_t, int64_t> by_reference_, by_candidate_;
};

}  // namespace zooid::cli
