#include "sim/world.h"

#include <cstddef>
#include <iterator>

namespace zooid::sim {
namespace {

struct Entry {
  const char* name;
  bool is_usual;    // in World::usual()
  uint64_t one_in;  // drawn in one of so many runs
};

// In the order of Hardship.
constexpr Entry kEntries[] = {
    {"network", true, 2},   {"local-sessions", true, 3}, {"data", false, 8},  {"flips", true, 2},
    {"strangers", true, 2}, {"disks", true, 2},          {"denied", true, 2}, {"backup", true, 3},
    {"bounds", true, 3},    {"work", true, 1},
};
static_assert(std::size(kEntries) == static_cast<size_t>(Hardship::kCount));

constexpr uint32_t kAll = (1u << std::size(kEntries)) - 1;

}  // namespace

World World::usual() {
  World world;
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    if (kEntries[i].is_usual) world.allowed_ |= 1u << i;
  }
  return world;
}

World World::harsh() {
  World world;
  world.allowed_ = kAll;
  return world;
}

Result<World> World::parse(std::string_view text) {
  World world;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name == "kind" || name == "usual" || name == "harsh") {
      world = name == "kind" ? kind() : name == "usual" ? usual() : harsh();
      continue;
    }
    const bool is_removed = name.starts_with('-');
    const bool is_demanded = name.ends_with('!');
    if (is_removed) name.remove_prefix(1);
    if (is_demanded) name.remove_suffix(1);
    size_t found = 0;
    while (found < std::size(kEntries) && kEntries[found].name != name) ++found;
    if (found == std::size(kEntries)) {
      return fail("no hardship is called '" + std::string(name) + "'; there are: " + names());
    }
    const uint32_t mask = 1u << found;
    world.allowed_ = is_removed ? world.allowed_ & ~mask : world.allowed_ | mask;
    world.demanded_ = is_demanded ? world.demanded_ | mask : world.demanded_ & ~mask;
  }
  return world;
}

std::string World::text() const {
  if (*this == usual()) return "usual";
  if (*this == harsh()) return "harsh";
  std::string text = "kind";
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    if ((allowed_ & (1u << i)) == 0) continue;
    text += std::string(",") + kEntries[i].name;
    if ((demanded_ & (1u << i)) != 0) text += '!';
  }
  return text;
}

std::string World::names() {
  std::string text;
  for (const Entry& entry : kEntries) {
    if (!text.empty()) text += ", ";
    text += entry.name;
  }
  return text;
}

World World::draw(Random& random) const {
  World drawn;
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    const uint32_t mask = 1u << i;
    // Drawn in any case: allowing one more changes nothing of the others.
    const bool is_drawn = random.one_in(kEntries[i].one_in);
    if ((allowed_ & mask) != 0 && (is_drawn || (demanded_ & mask) != 0)) drawn.allowed_ |= mask;
  }
  return drawn;
}

}  // namespace zooid::sim
