// For tests: reads the captured bytes of tests/golden (README.md there describes them).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace zooid::wire::golden {

inline std::string path_of(std::string_view name) {
  return std::string(ZOOID_TESTS_DIR) + "/golden/" + std::string(name);
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : bytes) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return text;
}

// "-" stands for nothing.
inline std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  if (text == "-") return bytes;
  EXPECT_EQ(text.size() % 2, 0u);
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return bytes;
}

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// The fields of each line; comments left out; \n and \t in fields as they were.
inline std::vector<std::vector<std::string>> read_table(std::string_view name) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(read_file(path_of(name)), '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    rows.push_back(split(line, '\t'));
    for (std::string& field : rows.back()) {
      for (size_t at = 0; (at = field.find("\\n", at)) != std::string::npos;) {
        field.replace(at, 2, "\n");
      }
    }
  }
  EXPECT_FALSE(rows.empty()) << name;
  return rows;
}

// Calls `take` with successive pieces of `bytes`: whole, byte by byte, or of random lengths.
enum class Split { kWhole, kBytes, kRandom };
inline constexpr Split kSplits[] = {Split::kWhole, Split::kBytes, Split::kRandom};

template <class Take>
void for_each_piece(std::string_view bytes, Split split, Random& random, Take take) {
  while (!bytes.empty()) {
    size_t length = bytes.size();
    if (split == Split::kBytes) length = 1;
    if (split == Split::kRandom) length = std::min(length, 1 + random.below(random.below(200) + 1));
    take(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
}

}  // namespace zooid::wire::golden
