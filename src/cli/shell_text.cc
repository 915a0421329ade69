#include "cli/shell_text.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <ctime>

#include "wire/error_code.h"

namespace zooid::cli {
namespace {

constexpr std::pair<char, int32_t> kPermissions[] = {{'c', wire::kPermCreate},
                                                     {'d', wire::kPermDelete},
                                                     {'r', wire::kPermRead},
                                                     {'w', wire::kPermWrite},
                                                     {'a', wire::kPermAdmin}};

}  // namespace

std::string date_text(int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof(text), "%a %b %d %H:%M:%S %Z %Y", &parts);
  return text;
}

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

Result<wire::AclList> parse_acl(std::string_view text) {
  wire::AclList list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t first = one.find(':');
    const size_t last = one.rfind(':');
    if (first == std::string_view::npos || first == last) {
      return fail(fmt::format("{} does not have the form scheme:id:perm", one));
    }
    wire::Acl acl;
    acl.id.scheme = std::string(one.substr(0, first));
    acl.id.id = std::string(one.substr(first + 1, last - first - 1));
    for (const char letter : one.substr(last + 1)) {
      int32_t bit = 0;
      for (const auto& [known, value] : kPermissions) {
        if (known == letter) bit = value;
      }
      if (bit == 0) {
        return fail(
            fmt::format("Unknown perm type: {} (in {}; known are c, d, r, w, a)", letter, one));
      }
      acl.perms |= bit;
    }
    list.push_back(std::move(acl));
  }
  if (list.empty()) return fail("an ACL is expected: scheme:id:perm[,...]");
  return list;
}

namespace {

// As PathUtils.validatePath of Java's client judges the character at `at`, bytes of a UTF-8
// sequence taken for what they are: only control characters stand out.
std::string character_fault(std::string_view path, size_t at) {
  const char c = path[at];
  const bool ends = at + 1 == path.size() || path[at + 1] == '/';
  if (c == '\0') return "null character not allowed";
  if (c == '/' && path[at - 1] == '/') return "empty node name specified";
  if (c == '.' && ends && (path[at - 1] == '/' || path.substr(at - 2, 2) == "/.")) {
    return "relative paths not allowed";
  }
  const bool is_control = (c > 0 && c <= 0x1f) || c == 0x7f;
  return is_control ? "invalid character" : "";
}

}  // namespace

std::string path_fault(std::string_view path) {
  if (path.empty()) return "Path length must be > 0";
  if (path.front() != '/') return "Path must start with / character";
  if (path.size() == 1) return "";
  if (path.back() == '/') return "Path must not end with / character";
  for (size_t at = 1; at < path.size(); ++at) {
    const std::string fault = character_fault(path, at);
    if (fault.empty()) continue;
    return fmt::format("Invalid path string \"{}\" caused by {} @{}", path, fault, at);
  }
  return "";
}

std::string base64_text(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), int(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string padded(text.substr(0, text.find('=')));
  const size_t given = text.size() - padded.size();
  const size_t wanted = (4 - padded.size() % 4) % 4;
  if (wanted == 3 || (given != 0 && given != wanted)) return std::nullopt;
  if (text.find_first_not_of('=', padded.size()) != std::string_view::npos) return std::nullopt;
  // EVP_DecodeBlock would pass over white space and line ends.
  if (std::ranges::any_of(padded, [](unsigned char c) { return !std::isgraph(c) || c == '-'; })) {
    return std::nullopt;
  }
  padded.append(wanted, '=');
  std::string bytes(padded.size() / 4 * 3 + 1, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), int(padded.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(length) - wanted);
  return bytes;
}

std::string hex_dump(std::string_view bytes) {
  constexpr size_t kPerLine = 16;
  if (bytes.empty()) return "";
  const std::string rule =
      "+--------+-------------------------------------------------+----------------+";
  std::string dump =
      "         +-------------------------------------------------+\n"
      "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n" +
      rule;
  for (size_t at = 0; at < bytes.size(); at += kPerLine) {
    const std::string_view line = bytes.substr(at, kPerLine);
    std::string hex, characters;
    for (const unsigned char c : line) {
      hex += fmt::format(" {:02x}", c);
      characters += c <= 0x1f || c >= 0x7f ? '.' : static_cast<char>(c);
    }
    dump += fmt::format("\n|{:08x}|{:<48} |{:<16}|", at, hex, characters);
  }
  return dump + "\n" + rule;
}

namespace {

// KeeperException.getCodeMessage of 3.9, where it differs from the names of the protocol.
const char* code_message(wire::ErrorCode code) {
  using wire::ErrorCode;
  switch (code) {
    case ErrorCode::kSystemError:
      return "SystemError";
    case ErrorCode::kRuntimeInconsistency:
      return "RuntimeInconsistency";
    case ErrorCode::kDataInconsistency:
      return "DataInconsistency";
    case ErrorCode::kConnectionLoss:
      return "ConnectionLoss";
    case ErrorCode::kMarshallingError:
      return "MarshallingError";
    case ErrorCode::kUnimplemented:
      return "Unimplemented";
    case ErrorCode::kOperationTimeout:
      return "OperationTimeout";
    case ErrorCode::kAuthFailed:
      return "AuthFailed";
    case ErrorCode::kSessionExpired:
      return "Session expired";
    case ErrorCode::kSessionMoved:
      return "Session moved";
    case ErrorCode::kEphemeralOnLocalSession:
      return "Ephemeral node on local session";
    case ErrorCode::kNoWatcher:
      return "No such watcher";
    case ErrorCode::kReconfigDisabled:
      return "Reconfig is disabled";
    case ErrorCode::kSessionClosedRequireSaslAuth:
      return "Session closed because client failed to authenticate";
    case ErrorCode::kThrottledOp:
      return "Op throttled due to high load";
    default:
      return wire::error_name(code);
  }
}

}  // namespace

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
    case ErrorCode::kNotReadOnly:
      return fmt::format("Not a read-only call: {}", path);
    case ErrorCode::kInvalidAcl:
      return fmt::format("Acl is not valid : {}", path);
    case ErrorCode::kBadArguments:
      return fmt::format("Arguments are not valid : {}", path);
    case ErrorCode::kQuotaExceeded:
      return fmt::format("Quota has exceeded : {}", path);
    case ErrorCode::kReconfigInProgress:
      return "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)";
    case ErrorCode::kNewConfigNoQuorum:
      return "No quorum of new config is connected and up-to-date with the leader of last "
             "committed "
             "config - try invoking reconfiguration after new servers are connected and synced";
    default: {
      const std::string text =
          fmt::format("KeeperErrorCode = {}", code_message(static_cast<ErrorCode>(code)));
      return path.empty() ? text : fmt::format("{} for {}", text, path);
    }
  }
}

}  // namespace zooid::cli
