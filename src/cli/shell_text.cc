#include "cli/shell_text.h"

#include <fmt/format.h>

#include <ctime>

#include "wire/error_code.h"

namespace zooid::cli {
namespace {

constexpr std::pair<char, int32_t> kPermissions[] = {{'c', wire::kPermCreate},
                                                     {'d', wire::kPermDelete},
                                                     {'r', wire::kPermRead},
                                                     {'w', wire::kPermWrite},
                                                     {'a', wire::kPermAdmin}};

std::string date_text(int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof(text), "%a %b %d %H:%M:%S %Z %Y", &parts);
  return text;
}

}  // namespace

std::string stat_text(const wire::Stat& stat) {
  return fmt::format(
      "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\n"
      "dataVersion = {}\naclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\n"
      "numChildren = {}\n",
      stat.czxid, date_text(stat.ctime), stat.mzxid, date_text(stat.mtime), stat.pzxid,
      stat.cversion, stat.version, stat.aversion, static_cast<uint64_t>(stat.ephemeral_owner),
      stat.data_length, stat.num_children);
}

std::string acl_text(const wire::Acl& acl) {
  std::string permissions;
  for (const auto& [letter, bit] : kPermissions) {
    if ((acl.perms & bit) != 0) permissions += letter;
  }
  return fmt::format("'{},'{}\n: {}\n", acl.id.scheme, acl.id.id, permissions);
}

std::optional<wire::AclList> parse_acl(std::string_view text) {
  wire::AclList list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t first = one.find(':');
    const size_t last = one.rfind(':');
    if (first == std::string_view::npos || first == last) return std::nullopt;
    wire::Acl acl;
    acl.id.scheme = std::string(one.substr(0, first));
    acl.id.id = std::string(one.substr(first + 1, last - first - 1));
    for (const char letter : one.substr(last + 1)) {
      int32_t bit = 0;
      for (const auto& [known, value] : kPermissions) {
        if (known == letter) bit = value;
      }
      if (bit == 0) return std::nullopt;
      acl.perms |= bit;
    }
    list.push_back(std::move(acl));
  }
  if (list.empty()) return std::nullopt;
  return list;
}

std::string error_text(int32_t code, std::string_view path) {
  using wire::ErrorCode;
  switch (static_cast<ErrorCode>(code)) {
    case ErrorCode::kNoNode:
      return fmt::format("Node does not exist: {}", path);
    case ErrorCode::kNodeExists:
      return fmt::format("Node already exists: {}", path);
    case ErrorCode::kNotEmpty:
      return fmt::format("Node not empty: {}", path);
    case ErrorCode::kBadVersion:
      return fmt::format("version No is not valid : {}", path);
    case ErrorCode::kNoAuth:
      return fmt::format("Insufficient permission : {}", path);
    case ErrorCode::kNoChildrenForEphemerals:
      return fmt::format("Ephemerals cannot have children: {}", path);
    case ErrorCode::kInvalidAcl:
      return fmt::format("Acl is not valid : {}", path);
    case ErrorCode::kQuotaExceeded:
      return fmt::format("Quota has exceeded : {}", path);
    case ErrorCode::kSessionExpired:
      return "Session expired";
    case ErrorCode::kConnectionLoss:
      return fmt::format("ConnectionLoss for {}", path);
    case ErrorCode::kBadArguments:
      return fmt::format("Invalid path or arguments: {}", path);
    default:
      return fmt::format("{} ({}) for {}", wire::error_name(static_cast<ErrorCode>(code)), code,
                         path);
  }
}

}  // namespace zooid::cli
