#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace zooid::cli {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

const OptionSpec* find_option(const CommandSpec& spec, std::string_view name) {
  const auto it = std::ranges::find(spec.options, name, &OptionSpec::name);
  return it == spec.options.end() ? nullptr : &*it;
}

bool is_negative_number(std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return std::ranges::all_of(word.substr(1),
                             [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

class Parser {
 public:
  Parser(const CommandSpec& spec, const std::vector<std::string>& words)
      : spec_(spec), words_(words) {}

  Result<ParsedCommand> run() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--") {
        parsed_.arguments.insert(parsed_.arguments.end(), words_.begin() + long(next_),
                                 words_.end());
        break;
      }
      if (word.size() < 2 || word[0] != '-') {
        parsed_.arguments.push_back(word);
        continue;
      }
      TRY(take_option(word));
    }
    TRY(check_arguments());
    return std::move(parsed_);
  }

 private:
  bool looks_like_option(std::string_view word) const {
    if (word.size() < 2 || word[0] != '-') return false;
    if (word == "--") return true;
    const std::string_view name = word.substr(1, word.find('=') - 1);
    return find_option(spec_, name) != nullptr || find_option(spec_, name.substr(0, 1)) != nullptr;
  }

  Result<> take_value(const OptionSpec& option) {
    const bool has_next = next_ < words_.size() &&
                          (!looks_like_option(words_[next_]) || is_negative_number(words_[next_]));
    if (!has_next) return fail("Missing argument for option: " + option.name);
    parsed_.options[option.name] = words_[next_++];
    return {};
  }

  Result<> take_option(const std::string& word) {
    const std::string_view name = std::string_view(word).substr(1);
    if (const OptionSpec* option = find_option(spec_, name)) {
      if (option->takes_value) return take_value(*option);
      parsed_.options[option->name] = "";
      return {};
    }
    const size_t equals = name.find('=');
    if (equals != std::string_view::npos) {
      const OptionSpec* option = find_option(spec_, name.substr(0, equals));
      if (option == nullptr || !option->takes_value) return unknown(word);
      parsed_.options[option->name] = std::string(name.substr(equals + 1));
      return {};
    }
    return take_letters(word, name);
  }

  // "-sw", "-v3".
  Result<> take_letters(const std::string& word, std::string_view letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const OptionSpec* option = find_option(spec_, letters.substr(i, 1));
      if (option == nullptr) return unknown(word);
      if (!option->takes_value) {
        parsed_.options[option->name] = "";
        continue;
      }
      if (i + 1 == letters.size()) return take_value(*option);
      parsed_.options[option->name] = std::string(letters.substr(i + 1));
      return {};
    }
    return {};
  }

  Result<> unknown(const std::string& word) const { return fail("Unrecognized option: " + word); }

  Result<> check_arguments() {
    std::vector<std::string>& arguments = parsed_.arguments;
    if (!spec_.instead_of_watch.empty() && arguments.size() == spec_.arguments_max + 1) {
      parsed_.note = fmt::format("'{} path [watch]' has been deprecated. Please use '{}' instead.",
                                 spec_.name, spec_.instead_of_watch);
      parsed_.options["w"] = "";
      arguments.pop_back();
    }
    if (arguments.size() < spec_.arguments_min) return fail("Missing arguments");
    if (arguments.size() > spec_.arguments_max) {
      return fail(fmt::format("Surplus argument: {}", arguments[spec_.arguments_max]));
    }
    return {};
  }

  const CommandSpec& spec_;
  const std::vector<std::string>& words_;
  size_t next_ = 0;
  ParsedCommand parsed_;
};

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while (true) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return words;
    const char first = line[at];
    if (first == '#' && words.empty()) return words;
    if (first == '"' || first == '\'') {
      const size_t end = line.find(first, at + 1);
      if (end == std::string_view::npos) {
        return fail(fmt::format("the quote {} is not closed", line.substr(at)));
      }
      words.emplace_back(line.substr(at + 1, end - at - 1));
      at = end + 1;
      continue;
    }
    size_t end = at;
    while (end < line.size() && !is_space(line[end])) ++end;
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
}

Result<ParsedCommand> parse_command(const CommandSpec& spec,
                                    const std::vector<std::string>& words) {
  return Parser(spec, words).run();
}

Result<int64_t> parse_number(std::string_view text, std::string_view option, int64_t least,
                             int64_t most) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most) {
    return fail(
        fmt::format("-{} takes a whole number from {} to {}, not '{}'", option, least, most, text));
  }
  return value;
}

std::string usage_text(const CommandSpec& spec) {
  std::string text = spec.name;
  if (!spec.usage.empty()) text += " " + spec.usage;
  text += "\n";
  for (const OptionSpec& option : spec.options) {
    const std::string left = "-" + option.name + (option.takes_value ? " <value>" : "");
    text += fmt::format("  {:<18} {}\n", left, option.text);
  }
  return text;
}

}  // namespace zooid::cli
