// How the value of a key is read into its field. See key_table.h.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "config/key_table.h"

namespace zooid::config {
namespace {

constexpr int64_t kIntMin = std::numeric_limits<int32_t>::min();

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::unexpected<Error> expected(std::string_view what) {
  return fail(Error::Kind::kConfig, fmt::format("expected {}", what));
}

// The whole text as a number, with the sign that Java accepts.
Result<int64_t> parse_number(std::string_view text, int64_t lowest, int64_t highest) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = error == std::errc{} && end == digits.data() + digits.size();
  if (!is_number || number < lowest || number > highest) {
    return expected(fmt::format("a whole number from {} to {}", lowest, highest));
  }
  return number;
}

// As Java's Integer.decode: a sign, then 0x, 0X or # for hexadecimal or a leading 0 for octal.
// nullopt: no number, or one that 64 bits do not hold.
std::optional<int64_t> decode_number(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.starts_with('#')) {
    base = 16;
    text.remove_prefix(1);
  } else if (text.size() > 1 && text.starts_with('0')) {
    base = 8;
    text.remove_prefix(1);
  }
  if (text.starts_with('-')) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return is_negative ? -number : number;
}

// Reads into the field that the variant names.
struct FieldSetter {
  ServerConfig& config;
  const Key& key;
  std::string_view value;

  Result<> operator()(std::monostate) const { return {}; }
  Result<> operator()(SetFunction set) const { return set(config, value); }

  template <class Integer>
  Result<> operator()(Integer ServerConfig::* field) const {
    TRY_VALUE(number, is_lenient() ? lenient_number() : strict_number());
    if (!number) return {};  // the default stays
    if constexpr (std::is_same_v<Integer, uint64_t>) {
      config.*field = *number <= 0 ? 0 : static_cast<uint64_t>(*number * key.unit);  // 0: no limit
    } else {
      ASSERT(std::in_range<Integer>(*number * key.unit));
      config.*field = static_cast<Integer>(*number * key.unit);
    }
    return {};
  }

  Result<> operator()(bool ServerConfig::* field) const {
    const bool is_true = equals_ignoring_case(value, "true");
    if (!is_true && !equals_ignoring_case(value, "false")) {
      if (!is_lenient()) return expected("true or false");
      warn("means false, as with ZooKeeper; only true is true");
    }
    config.*field = is_true;
    return {};
  }

  Result<> operator()(double ServerConfig::* field) const {
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) {
      TRY(leave_default("a number"));
      return {};
    }
    config.*field = number;
    return {};
  }

  Result<> operator()(std::string ServerConfig::* field) const {
    if (value.empty()) return expected("a value");
    config.*field = value;
    return {};
  }

 private:
  bool is_lenient() const { return key.form != KeyForm::kFile && !key.is_strict; }

  void warn(std::string_view what) const {
    config.warnings.push_back(fmt::format("{}={} {}", key.name, value, what));
  }

  Result<std::optional<int64_t>> leave_default(std::string_view wanted) const {
    if (!is_lenient()) return expected(wanted);
    warn(fmt::format("is not {}: the default is used, as with ZooKeeper", wanted));
    return std::nullopt;
  }

  Result<std::optional<int64_t>> lenient_number() const {
    const auto number = decode_number(value);
    if (!number || *number > key.highest || *number < std::min(key.lowest, kIntMin)) {
      return leave_default(fmt::format("a whole number up to {}", key.highest));
    }
    return raised(*number);
  }

  Result<std::optional<int64_t>> strict_number() const {
    TRY_VALUE(number, parse_number(value, key.is_raised ? kIntMin : key.lowest, key.highest));
    return raised(number);
  }

  std::optional<int64_t> raised(int64_t number) const {
    if (number >= key.lowest) return number;
    warn(fmt::format("is too low: {} is used", key.lowest));
    return key.lowest;
  }
};

}  // namespace

Result<> set_field(ServerConfig& config, const Key& key, std::string_view value) {
  ASSERT(key.key_class == KeyClass::kSupported);
  return std::visit(FieldSetter{config, key, value}, key.field);
}

}  // namespace zooid::config
