// Cuts what came on a connection into frames, without their lengths.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/jute.h"

namespace zooid::cli {

// Calls visit(std::string_view) with each whole frame and removes it. False if a length cannot be
// that of a frame (four-letter words are no frames, for one): then nothing more can be cut.
template <class Visit>
bool take_frames(std::string& input, Visit visit) {
  constexpr uint32_t kFrameBytesMax = 64 << 20;
  size_t at = 0;
  bool is_sound = true;
  while (input.size() - at >= sizeof(int32_t)) {
    wire::Reader in(std::string_view(input).substr(at));
    const auto length = static_cast<uint32_t>(in.i32());
    is_sound = length <= kFrameBytesMax;
    if (!is_sound || in.remaining() < length) break;
    visit(in.rest().substr(0, length));
    at += sizeof(int32_t) + length;
  }
  input.erase(0, at);
  return is_sound;
}

}  // namespace zooid::cli
