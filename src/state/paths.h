// Rules for paths (client-protocol 6.2).
#pragma once

#include <string_view>

namespace zooid::state {

// Null if valid, else why not, in words.
const char* path_problem(std::string_view path);
inline bool path_is_valid(std::string_view path) {
  return path_problem(path) == nullptr;
}

// "/a/b" -> "/a"; "/a" -> "/". Requires a '/' in path.
inline std::string_view parent_path(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}
inline std::string_view last_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace zooid::state
