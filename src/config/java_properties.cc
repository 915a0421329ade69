#include "config/java_properties.h"

#include <fmt/core.h>

#include <optional>

#include "base/assert.h"

namespace zooid::config {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

std::string_view without_leading_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// As String.trim: everything up to the space goes.
std::string trimmed(std::string_view text) {
  const auto is_dropped = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_dropped(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_dropped(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// Takes lines off a text.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  int line() const { return line_; }  // of the last one taken

  std::string_view take() {
    ASSERT(!at_end());
    ++line_;
    const size_t end = rest_.find_first_of("\r\n");
    const std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
      return line;
    }
    const bool is_crlf = rest_[end] == '\r' && rest_.substr(end + 1).starts_with('\n');
    rest_.remove_prefix(end + (is_crlf ? 2 : 1));
    return line;
  }

 private:
  std::string_view rest_;
  int line_ = 0;
};

bool continues(std::string_view line) {
  size_t count = 0;
  while (count < line.size() && line[line.size() - 1 - count] == '\\') ++count;
  return count % 2 == 1;
}

// The rest of a logical line whose first line is `line`.
std::string join_continuations(std::string_view line, LineReader& reader) {
  std::string joined(line);
  while (continues(joined)) {
    joined.pop_back();
    if (reader.at_end()) break;
    joined += without_leading_blanks(reader.take());
  }
  return joined;
}

void append_utf8(std::string& text, unsigned code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::optional<unsigned> hex_digits(std::string_view digits) {
  if (digits.size() != 4) return std::nullopt;
  unsigned code = 0;
  for (const char c : digits) {
    const size_t value = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
    if (value == std::string_view::npos) return std::nullopt;
    code = code * 16 + static_cast<unsigned>(value);
  }
  return code;
}

Result<std::string> unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 't':
        plain += '\t';
        break;
      case 'n':
        plain += '\n';
        break;
      case 'r':
        plain += '\r';
        break;
      case 'f':
        plain += '\f';
        break;
      case 'u': {
        const auto code = hex_digits(text.substr(i + 1, 4));
        if (!code) return fail(Error::Kind::kConfig, "\\u needs four hexadecimal digits");
        append_utf8(plain, *code);
        i += 4;
        break;
      }
      default:
        plain += text[i];
    }
  }
  return plain;
}

// Where the key ends: at the first '=', ':' or blank that no backslash precedes.
size_t key_length(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) {
      return i;
    }
  }
  return line.size();
}

Result<Property> split(std::string_view line) {
  const size_t length = key_length(line);
  std::string_view value = without_leading_blanks(line.substr(length));
  if (value.starts_with('=') || value.starts_with(':')) {
    value = without_leading_blanks(value.substr(1));
  }
  TRY_VALUE(plain_key, unescaped(line.substr(0, length)));
  TRY_VALUE(plain_value, unescaped(value));
  return Property{.key = trimmed(plain_key), .value = trimmed(plain_value)};
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
  std::vector<Property> properties;
  LineReader reader(text);
  while (!reader.at_end()) {
    const std::string_view first = without_leading_blanks(reader.take());
    if (first.empty() || first.front() == '#' || first.front() == '!') continue;
    const int line = reader.line();
    auto property = split(join_continuations(first, reader));
    if (!property) {
      return fail(Error::Kind::kConfig, fmt::format("line {}: {}", line, property.error().message));
    }
    property->line = line;
    properties.push_back(std::move(*property));
  }
  return properties;
}

}  // namespace zooid::config
