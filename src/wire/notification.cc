#include "wire/notification.h"

#include <fmt/core.h>

#include <charconv>

#include "base/assert.h"
#include "wire/fixed_bytes.h"
#include "wire/stream_buffer.h"

namespace zooid::wire {

namespace {

constexpr int32_t kVersionNow = 2;
// Lengths of the two old forms, which are recognised by nothing else.
constexpr size_t kBytesWithoutEpoch = 28;
constexpr size_t kBytesWithoutConfig = 40;
constexpr size_t kBytesBeforeConfig = 44;
constexpr size_t kHelloBytes = 20;  // before the address
constexpr int32_t kPortMax = 65'535;

std::unexpected<Error> corrupt(std::string what) {
  return fail(Error::Kind::kCorrupt, "election: " + std::move(what));
}

bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "[::]" || host == "::" || host == "[0:0:0:0:0:0:0:0]";
}

// host:port, where an IPv6 host stands in brackets. nullopt: something else.
std::optional<std::string_view> host_of(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view host = address.substr(0, colon);
  const std::string_view digits = address.substr(colon + 1);
  int32_t port = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (port < 0 || port > kPortMax) return std::nullopt;
  const bool has_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (!has_brackets && host.find_first_of(":[]") != std::string_view::npos) return std::nullopt;
  return host;
}

// Both hello versions are read alike: one or more addresses with '|' between them.
Result<std::vector<std::string>> read_addresses(std::string_view text) {
  std::vector<std::string> addresses;
  for (bool is_last = false; !is_last;) {
    const size_t bar = text.find('|');
    is_last = bar == std::string_view::npos;
    const std::string_view address = text.substr(0, bar);
    const auto host = host_of(address);
    if (!host) return corrupt(fmt::format("bad address in hello, {} bytes", address.size()));
    if (!is_wildcard(*host)) addresses.emplace_back(address);
    if (!is_last) text.remove_prefix(bar + 1);
  }
  return addresses;
}

}  // namespace

const char* peer_state_name(PeerState state) {
  switch (state) {
    case PeerState::kLooking:
      return "LOOKING";
    case PeerState::kFollowing:
      return "FOLLOWING";
    case PeerState::kLeading:
      return "LEADING";
    case PeerState::kObserving:
      return "OBSERVING";
  }
  return "UNKNOWN";
}

std::string serialize(const Notification& notification) {
  FixedBytes<kBytesBeforeConfig> head;
  head.i32(static_cast<int32_t>(notification.state)).i64(notification.leader.value);
  head.i64(notification.zxid.value).i64(notification.round).i64(notification.peer_epoch);
  head.i32(kVersionNow).i32(static_cast<int32_t>(notification.config.size()));
  std::string bytes;
  bytes.reserve(kBytesBeforeConfig + notification.config.size());
  bytes.append(head.view());
  bytes.append(notification.config);
  ASSERT(bytes.size() <= kNotificationBytesMax);
  return bytes;
}

std::optional<Notification> read_notification(std::string_view message) {
  if (message.size() < kBytesWithoutEpoch) return std::nullopt;
  Reader in(message, kNotificationBytesMax);
  Notification notification;
  const int32_t state = in.i32();
  if (state < 0 || state > static_cast<int32_t>(PeerState::kObserving)) return std::nullopt;
  notification.state = static_cast<PeerState>(state);
  notification.leader = ServerId{in.i64()};
  notification.zxid = Zxid{in.i64()};
  notification.round = in.i64();
  notification.version = 0;
  if (message.size() == kBytesWithoutEpoch) {
    notification.peer_epoch = notification.zxid.epoch();
    return notification;
  }
  notification.peer_epoch = in.i64();
  const int32_t version = in.i32();
  if (!in.ok()) return std::nullopt;
  if (message.size() == kBytesWithoutConfig) return notification;
  notification.version = version;
  if (version < 2) return notification;
  const auto config = in.nullable();
  if (!in.ok() || !config) return std::nullopt;
  notification.config = *config;
  return notification;
}

std::string serialize_hello(ServerId self, std::string_view address) {
  ASSERT(!address.empty());
  ASSERT(address.size() <= kHelloAddressBytesMax);
  FixedBytes<kHelloBytes> head;
  head.i64(kHelloVersion1).i64(self.value).i32(static_cast<int32_t>(address.size()));
  std::string bytes(head.view());
  bytes.append(address);
  return bytes;
}

void ElectionStreamDecoder::feed(std::string_view bytes) {
  append_to_stream(buffer_, begin_, bytes);
}

Result<std::optional<Hello>> ElectionStreamDecoder::next_hello() {
  if (!expect_hello_) return std::nullopt;
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  Reader in(bytes, kHelloAddressBytesMax);
  Hello hello;
  const int64_t version = in.i64();
  if (!in.ok()) return std::nullopt;
  if (version >= 0) {  // very old: no version, the number is the id, and nothing follows
    hello.server = ServerId{version};
    expect_hello_ = false;
    begin_ += sizeof(int64_t);
    return hello;
  }
  if (version != kHelloVersion1 && version != kHelloVersion2) {
    return corrupt(fmt::format("unknown protocol version {}", version));
  }
  hello.server = ServerId{in.i64()};
  const int32_t length = in.i32();
  if (!in.ok()) return std::nullopt;
  if (length < 1 || length > kHelloAddressBytesMax) {
    return corrupt(fmt::format("address length {} in hello", length));
  }
  const size_t hello_bytes = kHelloBytes + static_cast<size_t>(length);
  if (bytes.size() < hello_bytes) return std::nullopt;
  TRY_VALUE(addresses, read_addresses(bytes.substr(kHelloBytes, static_cast<size_t>(length))));
  hello.addresses = std::move(addresses);
  expect_hello_ = false;
  begin_ += hello_bytes;
  return hello;
}

Result<std::optional<std::string_view>> ElectionStreamDecoder::next_message() {
  if (expect_hello_) return std::nullopt;
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  Reader in(bytes);
  const int32_t length = in.i32();
  if (!in.ok()) return std::nullopt;
  if (length < 1 || length > kNotificationBytesMax) {
    return corrupt(fmt::format("message length {} limit {}", length, kNotificationBytesMax));
  }
  if (in.remaining() < static_cast<size_t>(length)) return std::nullopt;
  begin_ += sizeof(int32_t) + static_cast<size_t>(length);
  return in.rest().substr(0, static_cast<size_t>(length));
}

}  // namespace zooid::wire
