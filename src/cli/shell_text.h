// How the shell prints and reads values, as zkCli.sh does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/records.h"

namespace zooid::cli {

// As Java's Date, in local time: "Wed Nov 25 02:25:21 UTC 2026".
std::string date_text(int64_t ms);
// The eleven lines of a Stat: "cZxid = 0x2", "ctime = Wed Nov 25 02:25:21 UTC 2026" …
std::string stat_text(const wire::Stat& stat);
// "'world,'anyone\n: cdrwa"
std::string acl_text(const wire::Acl& acl);
// "world:anyone:cdrwa,digest:user:hash:r". Errors name the entry and what is expected.
Result<wire::AclList> parse_acl(std::string_view text);
// Why Java's client would not send this path, in its words; empty: it would.
std::string path_fault(std::string_view path);
std::string base64_text(std::string_view bytes);
// With or without padding; nullopt: something else.
std::optional<std::string> from_base64(std::string_view text);
// Sixteen bytes a line in the frame that Netty draws, without a line's end behind the last one.
std::string hex_dump(std::string_view bytes);
// What zkCli.sh prints for an error: "Node does not exist: /a".
std::string error_text(int32_t code, std::string_view path);

}  // namespace zooid::cli
