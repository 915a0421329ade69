// A line of the prompt as words, and words as a command with options and arguments, as zkCli.sh
// reads them (it uses commons-cli's DefaultParser). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace zooid::cli {

struct OptionSpec {
  std::string name;  // without the dash: "s", "file"
  bool takes_value = false;
  std::string text;  // one line for people
};

struct CommandSpec {
  std::string name;
  std::string usage;  // behind the name: "[-s] [-w] path"
  std::string text;   // one line for people
  std::vector<OptionSpec> options;
  size_t arguments_min = 0;
  size_t arguments_max = 0;
  // `get path watch` of former releases: one argument more stands for -w. What to write instead;
  // empty: there is no such form.
  std::string instead_of_watch;
};

struct ParsedCommand {
  std::map<std::string, std::string> options;  // those without a value: ""
  std::vector<std::string> arguments;          // without the command's name
  std::string note;                            // for standard error; empty: none

  bool has(std::string_view option) const { return options.contains(std::string(option)); }
  // Empty if it was not given.
  std::string value(std::string_view option) const {
    const auto it = options.find(std::string(option));
    return it == options.end() ? "" : it->second;
  }
};

// Words are separated by white space. A word that begins with a quote ends at the next one of its
// kind, without either. A comment, from a word that begins with # at the front of the line, gives
// no words. Error: a quote is not closed.
Result<std::vector<std::string>> split_words(std::string_view line);

// `words` behind the command's name. Options may stand anywhere: "-s", "-v 3", "-v3", "-v=3",
// "-sw"; "--" ends them. Errors, for people: an option that the command does not have or that lacks
// its value, too few or too many arguments.
Result<ParsedCommand> parse_command(const CommandSpec& spec, const std::vector<std::string>& words);

// The whole of it as a decimal number; errors name the option.
Result<int64_t> parse_number(std::string_view text, std::string_view option, int64_t least,
                             int64_t most);

// "get [-s] [-w] path" and one line for each option.
std::string usage_text(const CommandSpec& spec);

}  // namespace zooid::cli
