// How the shell prints and reads values, as zkCli.sh does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/records.h"

namespace zooid::cli {

// The eleven lines of a Stat: "cZxid = 0x2", "ctime = Wed Nov 25 02:25:21 UTC 2026" …
std::string stat_text(const wire::Stat& stat);
// "'world,'anyone\n: cdrwa"
std::string acl_text(const wire::Acl& acl);
// "world:anyone:cdrwa,digest:user:hash:r"; nullopt: not an ACL list.
std::optional<wire::AclList> parse_acl(std::string_view text);
// What zkCli.sh prints for an error: "Node does not exist: /a".
std::string error_text(int32_t code, std::string_view path);

}  // namespace zooid::cli
