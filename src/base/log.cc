#include "base/log.h"

#include <atomic>
#include <cstdio>

namespace zooid::log {
namespace {

std::atomic<Level> lowest_level{Level::kInfo};

Sink& sink() {
  static Sink current = [](Level level, std::string_view line) {
    static constexpr const char* kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    std::fprintf(stderr, "%-5s %.*s\n", kNames[static_cast<int>(level)],
                 static_cast<int>(line.size()), line.data());
  };
  return current;
}

}  // namespace

void set_sink(Sink next) {
  sink() = std::move(next);
}
void set_level(Level lowest) {
  lowest_level = lowest;
}
bool enabled(Level level) {
  return level >= lowest_level.load(std::memory_order_relaxed);
}
void write(Level level, std::string_view line) {
  sink()(level, line);
}

}  // namespace zooid::log
