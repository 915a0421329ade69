// How fast a learner and its leader try again what has failed. Both ends keep to it: the other one
// may be a server that does not.
#pragma once

#include <algorithm>
#include <cstdint>

namespace zooid::zab {

// How long the next attempt to synchronise waits when so many in a row have failed, in us: not at
// all after the first (an election or a restart explains it), 100 ms after the second, doubling to
// 2 s.
constexpr int64_t pause_after_failures(uint32_t in_a_row) {
  constexpr int64_t kFirstUs = 100'000;
  constexpr int64_t kMaxUs = 2'000'000;
  constexpr uint32_t kDoublingsMax = 10;
  if (in_a_row < 2) return 0;
  return std::min(kMaxUs, kFirstUs << std::min(in_a_row - 2, kDoublingsMax));
}

}  // namespace zooid::zab
