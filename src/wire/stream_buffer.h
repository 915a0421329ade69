// What the decoders of streams share: the bytes that arrived, from `begin` on not yet decoded.
#pragma once

#include <string>
#include <string_view>

#include "base/assert.h"

namespace zooid::wire {

// Appends `bytes` to `buffer` and drops what was decoded if that is at least half of it. A byte is
// moved only when as many others have been decoded since, so the cost stays linear in the stream
// for any split. Views into the buffer are invalid afterwards.
inline void append_to_stream(std::string& buffer, size_t& begin, std::string_view bytes) {
  ASSERT(begin <= buffer.size());
  if (begin == buffer.size()) {
    buffer.clear();
    begin = 0;
  } else if (begin >= buffer.size() - begin) {
    buffer.erase(0, begin);
    begin = 0;
  }
  buffer.append(bytes);
}

}  // namespace zooid::wire
