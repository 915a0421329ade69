// The one table of all keys that ZooKeeper 3.9 knows (rule 31), and what this server does with
// each:
//
//   supported  sets a field of ServerConfig
//   refused    the server does not start: the key touches security, membership, quorum or the
//              meaning of files, and ignoring it would give something else than was asked for
//   warned     has no effect here, and none that matters
//
// A refused or warned key with its harmless value asks for nothing and passes in silence.
//
// What a value may be is ZooKeeper's rule (tried on 3.9.5, docs/compatibility.md 4): a key of the
// file alone has to be a number or a boolean, or the server does not start; of one that is a
// property, too, whatever cannot be read leaves the default, and everything but true means false.
// Numbers that ask for the impossible (a limit of -5) get the nearest possible one. Each of these
// leniencies is told by a warning.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "config/server_config.h"

namespace zooid::config {

enum class KeyClass { kSupported, kRefused, kWarned };

// Under which names ZooKeeper reads a key.
enum class KeyForm {
  kFile,      // in zoo.cfg alone
  kProperty,  // in zoo.cfg, or as -Dzookeeper.<key>
  kJvmOnly,   // as -D<key> alone; in zoo.cfg it has no effect on ZooKeeper but has one here
};

// Reads values that are no plain number, boolean or text.
using SetFunction = Result<> (*)(ServerConfig& config, std::string_view value);

using Field = std::variant<std::monostate, int32_t ServerConfig::*, int64_t ServerConfig::*,
                           uint64_t ServerConfig::*, uint16_t ServerConfig::*, bool ServerConfig::*,
                           double ServerConfig::*, std::string ServerConfig::*, SetFunction>;

struct Key {
  std::string_view name;  // a final '*' stands for anything
  KeyForm form = KeyForm::kFile;
  KeyClass key_class = KeyClass::kSupported;
  Field field;
  // Integers: the range as written in the file, and what one of it is in the field's unit.
  int64_t lowest = 0;
  int64_t highest = std::numeric_limits<int32_t>::max();
  int64_t unit = 1;
  // A number below the range is raised to it, with a warning. So is one of every property.
  bool is_raised = false;
  // A property of which ZooKeeper insists on a value that can be read.
  bool is_strict = false;
  std::string_view harmless;
  // Refused and warned ones: why. A supported one has it if its value is read, and a warning told,
  // while what it asks for is not there yet.
  std::string_view reason;
};

std::span<const Key> supported_keys();
std::span<const Key> refused_keys();
std::span<const Key> warned_keys();

// A name of ZooKeeper's documentation that its servers do not read.
bool is_misnomer(const Key& key);

// nullptr if ZooKeeper does not know the key. server.N lines are no keys of the table.
const Key* find_key(std::string_view name);
// The known key that is most like `name`, if one is like it at all.
std::optional<std::string_view> nearest_key(std::string_view name);

// Reads `value` into the key's field. A value that ZooKeeper takes leniently is told in
// config.warnings. The error (kConfig) tells what was expected, without the key.
Result<> set_field(ServerConfig& config, const Key& key, std::string_view value);

}  // namespace zooid::config
