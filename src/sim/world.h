// How unkind the world of a run is beside the faults of nemesis.h. Each hardship can be allowed by
// itself (`--world`); of those that are allowed the seed draws what a run has, with numbers of its
// own: a run in the kind world is the same whatever else exists.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace zooid::sim {

enum class Hardship : uint32_t {
  kNetwork,        // windows from 4 KiB to 16 MiB, segments cut and joined anywhere, slow links
  kLocalSessions,  // local sessions; readers that stand before the door of every server
  kData,           // tens of MiB, or thousands of nodes; an empty server joins while all is quiet
  kFlips,          // bits turn over in any file with acknowledged data, the newest log included
  kStrangers,      // somebody says what is valid in every order to every port, or nothing
  kDisks,          // slow for long
  kDenied,         // no descriptors left, no right to write
  kBackup,         // all servers empty but one, and started together
  kBounds,         // small bounds: of outputs, of what comes in, of a log file
  kWork,           // a step that does more than its budget of work is a violation
  kCount
};

class World {
 public:
  static World kind() { return World(); }
  // What every build has to survive: the default.
  static World usual();
  static World harsh();
  // "kind", "usual" or "harsh", then names with commas between: `name` is allowed, `name!` is in
  // every run, `-name` is not. Without one of the first three: beside what is named, kind.
  static Result<World> parse(std::string_view text);
  // What parse() reads.
  std::string text() const;
  // For messages: all names.
  static std::string names();

  bool allows(Hardship hardship) const { return (allowed_ & bit(hardship)) != 0; }
  bool operator==(const World&) const = default;
  // What one run has of it.
  World draw(Random& random) const;
  bool is_kind() const { return allowed_ == 0; }

 private:
  static uint32_t bit(Hardship hardship) { return 1u << static_cast<uint32_t>(hardship); }

  uint32_t allowed_ = 0;
  uint32_t demanded_ = 0;  // in every run
};

}  // namespace zooid::sim
