#include "base/mark.h"

#include <map>
#include <mutex>

namespace zooid {
namespace {

std::mutex marks_mutex;
std::map<std::string_view, uint64_t>& marks() {
  static std::map<std::string_view, uint64_t> all;
  return all;
}

}  // namespace

void mark_reached(const char* name) {
  std::lock_guard lock(marks_mutex);
  ++marks()[name];
}

uint64_t mark_count(std::string_view name) {
  std::lock_guard lock(marks_mutex);
  const auto it = marks().find(name);
  return it == marks().end() ? 0 : it->second;
}

std::vector<std::pair<std::string_view, uint64_t>> marks_reached() {
  std::lock_guard lock(marks_mutex);
  return {marks().begin(), marks().end()};
}

}  // namespace zooid
