// Compares what one step made two servers say, with the differences that are known and meant.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/crosscheck_rules.h"
#include "cli/crosscheck_side.h"

namespace zooid::cli {

struct Difference {
  size_t step = 0;                   // index into the plan; its size: the tree at the end
  std::string connection;            // where it was seen
  std::string reference, candidate;  // the two lines; "nothing" if there is none
  // Equal for differences that most likely have one cause.
  std::string signature;
  // How long the play had taken by then, and the longest of its steps. Beyond a session's time-out
  // (15 s and more) each server may have ended it, or its connection, in its own time.
  int64_t elapsed_ms = 0;
  int64_t longest_step_ms = 0;
};

class Comparer {
 public:
  Comparer(CrosscheckProfile profile, size_t servers)
      : profile_(profile), is_ensemble_(servers > 1) {}

  std::optional<Difference> compare(const Step& step, StepLines reference, StepLines candidate);
  std::optional<Difference> compare_trees(const std::vector<std::string>& reference,
                                          const std::vector<std::string>& candidate) const;

  // How often a rule let a difference pass.
  const std::map<CrosscheckRule, uint64_t>& excused() const { return excused_; }

 private:
  bool is_excused(const SeenLine& reference, const SeenLine& candidate);

  CrosscheckProfile profile_;
  bool is_ensemble_;
  std::map<CrosscheckRule, uint64_t> excused_;
};

}  // namespace zooid::cli
