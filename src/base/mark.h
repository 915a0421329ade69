// MARK("name"): a rare branch says that it was reached; a test asks for it with mark_count().
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace zooid {

void mark_reached(const char* name);
// How often MARK(name) was passed in this process.
uint64_t mark_count(std::string_view name);
// All marks that were reached, sorted by name.
std::vector<std::pair<std::string_view, uint64_t>> marks_reached();

}  // namespace zooid

#define MARK(name) ::zooid::mark_reached(name)
