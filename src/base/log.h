// The server's own log lines. One sink per process, set by bin/ (a bounded queue to a writer
// thread: a blocked stderr drops lines, never a vote) or by the simulator; by default stderr.
// Lines are for events, not for the hot path. ids go as key=value.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace zooid::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// Called with one line without the final newline. May be called from any thread.
using Sink = std::function<void(Level, std::string_view line)>;
// Not to be called while other threads log.
void set_sink(Sink sink);
void set_level(Level lowest);
bool enabled(Level level);
void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarn)) write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kError))
    write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace zooid::log
