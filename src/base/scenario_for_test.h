// Scenarios: text files with commands and the transcript that they are expected to give. A block is
//
//   # comments and blank lines before it
//   command words key=value
//   another command
//   ----
//   expected output
//   of all commands of the block
//
// and ends with a blank line, so output has no blank lines inside. A file is one scenario: its
// blocks share state. With ZOOID_REWRITE=1 in the environment the files are re-recorded instead of
// compared; the difference is then reviewed like code.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace zooid {

// A command line: words, and key=value pairs. A value may be put in double quotes.
struct ScenarioCommand {
  std::vector<std::string> words;
  std::map<std::string, std::string> values;

  const std::string& word(size_t i) const {
    static const std::string kNone;
    return i < words.size() ? words[i] : kNone;
  }
  std::string text(const std::string& key, const std::string& otherwise = "") const {
    const auto it = values.find(key);
    return it == values.end() ? otherwise : it->second;
  }
  int64_t number(const std::string& key, int64_t otherwise = 0) const {
    const auto it = values.find(key);
    return it == values.end() ? otherwise : parse_number(it->second);
  }
  // Decimal or 0x…; "none" is Java's Long.MIN_VALUE.
  static int64_t parse_number(const std::string& text) {
    if (text == "none") return INT64_MIN;
    const bool is_hex = text.starts_with("0x");
    return is_hex ? static_cast<int64_t>(std::strtoull(text.c_str() + 2, nullptr, 16))
                  : std::strtoll(text.c_str(), nullptr, 10);
  }
};

inline ScenarioCommand parse_scenario_command(std::string_view line) {
  ScenarioCommand command;
  size_t i = 0;
  while (i < line.size()) {
    if (line[i] == ' ') {
      ++i;
      continue;
    }
    std::string token;
    size_t equals = std::string::npos;
    bool is_quoted = false;
    for (; i < line.size() && (is_quoted || line[i] != ' '); ++i) {
      if (line[i] == '"') {
        is_quoted = !is_quoted;
        continue;
      }
      if (line[i] == '=' && equals == std::string::npos) equals = token.size();
      token += line[i];
    }
    if (equals == std::string::npos) {
      command.words.push_back(token);
    } else {
      command.values[token.substr(0, equals)] = token.substr(equals + 1);
    }
  }
  return command;
}

// Gives the output of one command, lines with or without a final newline; "" is shown as "ok".
using ScenarioRunner = std::function<std::string(const ScenarioCommand&)>;

inline std::string run_scenario_block(const std::vector<std::string>& commands,
                                      const ScenarioRunner& run) {
  std::string output;
  for (const std::string& line : commands) {
    output += run(parse_scenario_command(line));
    if (!output.empty() && output.back() != '\n') output += '\n';
  }
  return output.empty() ? "ok\n" : output;
}

inline void run_scenario_file(const std::filesystem::path& path, const ScenarioRunner& run) {
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string rewritten;
  std::vector<std::string> commands;
  std::string line;
  const char* rewrite = std::getenv("ZOOID_REWRITE");
  const bool is_rewriting = rewrite != nullptr && std::string_view(rewrite) == "1";
  for (int line_number = 1; std::getline(file, line); ++line_number) {
    if (line != "----") {
      rewritten += line + "\n";
      if (!line.empty() && line[0] != '#') commands.push_back(line);
      continue;
    }
    ASSERT_FALSE(commands.empty()) << path << ":" << line_number << ": no command before ----";
    const int block_line = line_number;
    std::string expected;
    while (std::getline(file, line) && ++line_number && !line.empty()) expected += line + "\n";
    const std::string actual = run_scenario_block(commands, run);
    if (!is_rewriting) {
      EXPECT_EQ(actual, expected) << path.string() << ":" << block_line << ": " << commands.back();
    }
    rewritten += "----\n" + actual + "\n";
    commands.clear();
  }
  ASSERT_TRUE(commands.empty()) << path << ": the last commands have no ----";
  if (!is_rewriting) return;
  rewritten.pop_back();  // no blank line at the end of the file
  std::ofstream(path) << rewritten;
}

inline std::vector<std::filesystem::path> scenario_files(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace zooid
