#include "sim/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace zooid::sim {
namespace {

constexpr size_t kEntriesMax = 200'000;

// Mermaid reads ; and # as its own.
std::string for_diagram(std::string text) {
  std::ranges::replace(text, ';', ',');
  std::ranges::replace(text, '#', ' ');
  return text;
}

}  // namespace

void Timeline::add(std::string_view from, std::string_view to, std::string text) {
  entries_.push_back({now_us_(), std::string(from), std::string(to), std::move(text)});
  if (entries_.size() > kEntriesMax) entries_.pop_front();
}

std::string Timeline::text(int64_t end_us, int64_t span_us) const {
  std::string out;
  for (const Entry& entry : entries_) {
    if (entry.time_us < end_us - span_us || entry.time_us > end_us) continue;
    const std::string who = entry.to.empty() ? entry.from : entry.from + " -> " + entry.to;
    out += fmt::format("{:>12.6f}  {:<20} {}\n", static_cast<double>(entry.time_us) / 1e6, who,
                       entry.text);
  }
  return out;
}

std::string Timeline::diagram(int64_t end_us, int64_t span_us) const {
  std::string lines;
  std::set<std::string> actors;
  for (const Entry& entry : entries_) {
    if (entry.time_us < end_us - span_us || entry.time_us > end_us) continue;
    actors.insert(entry.from);
    if (entry.to.empty()) {
      lines += fmt::format("  Note over {}: {}\n", entry.from, for_diagram(entry.text));
    } else {
      actors.insert(entry.to);
      lines += fmt::format("  {}->>{}: {}\n", entry.from, entry.to, for_diagram(entry.text));
    }
  }
  std::string out = "sequenceDiagram\n";
  for (const std::string& actor : actors) out += "  participant " + actor + "\n";
  return out + lines;
}

}  // namespace zooid::sim
