// For tests and fuzzers: a real Leader, Learner or Election in any of its states, to which peers
// send whatever there is, in any order and segmentation. Every decision comes from `choices`, so
// that a fuzzer steers the sequence and a seed gives thousands of them. What the owner does
// (completions, time) stays honest: only bytes are hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace zooid::zab::testing {

// Takes decisions off bytes; zero when they have run out.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  bool is_over() const { return at_ >= bytes_.size(); }
  size_t below(size_t bound) { return bound == 0 ? 0 : take() % bound; }
  bool one_in(size_t n) { return below(n) == 0; }
  template <class T, size_t n>
  T one_of(const T (&all)[n]) {
    return all[below(n)];
  }

 private:
  uint8_t take() { return is_over() ? uint8_t{0} : static_cast<uint8_t>(bytes_[at_++]); }
  std::string_view bytes_;
  size_t at_ = 0;
};

inline std::string random_choices(uint64_t seed, size_t bytes_max) {
  Random random(seed);
  std::string bytes(random.below(bytes_max + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

// What came of a sequence, so that a test can tell that the states were reached.
struct HostileOutcome {
  bool established = false;
  bool ended = false;   // abdicated or gave up
  size_t closed = 0;    // connections
  size_t appended = 0;  // proposals
};

// Each fails an expectation of gtest, or an assertion of the machine, if bytes alone do harm.
HostileOutcome drive_leader(std::string_view choices);
HostileOutcome drive_learner(std::string_view choices);
HostileOutcome drive_election(std::string_view choices);

}  // namespace zooid::zab::testing
