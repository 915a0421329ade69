// The numbers that mean something, as types: a zxid cannot be passed where a session id is wanted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace zooid {

// The number of one leadership. ZooKeeper keeps it in 32 bits inside a zxid but sends 64 in votes.
using Epoch = int64_t;

// A transaction id: epoch in the high 32 bits, counter in the low 32 bits. Compared signed, as
// ZooKeeper does, so that kZxidUntrusted (-1) lies below everything.
struct Zxid {
  int64_t value = 0;

  static constexpr Zxid make(Epoch epoch, uint32_t counter) {
    return Zxid{static_cast<int64_t>((static_cast<uint64_t>(epoch) << 32) | counter)};
  }
  constexpr Epoch epoch() const { return static_cast<Epoch>(static_cast<uint64_t>(value) >> 32); }
  constexpr uint32_t counter() const { return static_cast<uint32_t>(value); }
  constexpr Zxid next() const { return Zxid{value + 1}; }
  auto operator<=>(const Zxid&) const = default;
};
// An empty database whose emptiness is not to be trusted (storage-formats 8.2).
inline constexpr Zxid kZxidUntrusted{-1};

// A client session. The top byte is the id of the server that made it.
struct SessionId {
  int64_t value = 0;
  auto operator<=>(const SessionId&) const = default;
};
inline constexpr SessionId kNoSession{0};

// The number in `myid` and in `server.N`.
struct ServerId {
  int64_t value = 0;
  auto operator<=>(const ServerId&) const = default;
};
// What a server that is not a voter writes into its votes (Long.MIN_VALUE in Java).
inline constexpr ServerId kNotAVoter{INT64_MIN};

// Counts the roles of a server (looking, leading, following …) within one process. A request to a
// worker or a peer and every completion carries it; a completion of another incarnation is dropped
// (docs/architecture.md, "Incarnations").
struct Incarnation {
  uint64_t value = 0;
  auto operator<=>(const Incarnation&) const = default;
};

}  // namespace zooid

template <>
struct std::hash<zooid::SessionId> {
  size_t operator()(zooid::SessionId id) const noexcept {
    return static_cast<size_t>(static_cast<uint64_t>(id.value) * 0x9E3779B97F4A7C15ull);
  }
};
template <>
struct std::hash<zooid::ServerId> {
  size_t operator()(zooid::ServerId id) const noexcept { return static_cast<size_t>(id.value); }
};
template <>
struct std::hash<zooid::Zxid> {
  size_t operator()(zooid::Zxid id) const noexcept { return static_cast<size_t>(id.value); }
};
