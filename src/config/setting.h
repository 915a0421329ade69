// One setting, wherever it comes from: what the key table says about it is carried out.
#pragma once

#include <string_view>

#include "base/error.h"
#include "config/server_config.h"

namespace zooid::config {

inline constexpr std::string_view kPropertyPrefix = "zookeeper.";

// Sets a field, refuses, or warns. `name` is the key without the prefix zookeeper. An unknown one
// is kept as a property. The error (kConfig) names key, value and reason, but no place.
Result<> apply_setting(ServerConfig& config, std::string_view name, std::string_view value);

}  // namespace zooid::config
