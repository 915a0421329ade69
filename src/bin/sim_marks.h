// Which of the rare branches that the code names with MARK a range of seeds has reached.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zooid::bin {

class MarksReport {
 public:
  void add(uint64_t seed, const std::vector<std::string>& reached);
  // Of the marks that the simulator should reach: those it did not.
  size_t missing() const;
  // One line a mark: in how many seeds, and the first of them. Then what is missing, and what only
  // other tests can reach.
  std::string text() const;

 private:
  struct Reached {
    uint64_t seeds = 0;
    uint64_t first = 0;
  };
  std::map<std::string, Reached> reached_;
};

}  // namespace zooid::bin
