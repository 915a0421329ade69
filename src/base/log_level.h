// The names of levels, as people write them in settings.
#pragma once

#include "base/log.h"

namespace zooid::log {

// "debug", "info", "warn", "error".
constexpr const char* level_name(Level level) {
  constexpr const char* kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<int>(level)];
}

}  // namespace zooid::log
