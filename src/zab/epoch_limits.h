// What an epoch can be. Epochs are counted up by one, so a number beyond these is damage or a lie;
// believed, and written to disk, it would end all elections for ever.
#pragma once

#include "base/ids.h"

namespace zooid::zab {

// The last one. What lies above, up to the sign of a zxid, is left for an operator who has to raise
// epochs by hand.
inline constexpr Epoch kEpochMax = 0x7fff'0000;
// Nobody is believed who claims an epoch so far beyond one's own: 16 million elections do not
// happen unheard of. So a single lie cannot use up the numbers.
inline constexpr Epoch kEpochStepMax = 1 << 24;

}  // namespace zooid::zab
