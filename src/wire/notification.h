// Messages on the election port (election-protocol 1 and 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "wire/jute.h"

namespace zooid::wire {

enum class PeerState : int32_t { kLooking = 0, kFollowing = 1, kLeading = 2, kObserving = 3 };
const char* peer_state_name(PeerState state);  // "LOOKING"

struct Notification {
  PeerState state = PeerState::kLooking;
  ServerId leader;
  Zxid zxid;
  int64_t round = 0;     // electionEpoch, the logical clock
  Epoch peer_epoch = 0;  // epoch of the vote
  int32_t version = 2;   // 0 for the two old forms
  std::string config;    // the sender's committed configuration text
};

// The message without its length prefix, always in the newest form.
std::string serialize(const Notification& notification);
// Accepts every form of election-protocol 2. nullopt: to be ignored.
std::optional<Notification> read_notification(std::string_view message);

inline constexpr int32_t kNotificationBytesMax = 524'288;
inline constexpr int32_t kHelloAddressBytesMax = 2'048;
inline constexpr int64_t kHelloVersion1 = -65536;
inline constexpr int64_t kHelloVersion2 = -65535;

struct Hello {
  ServerId server;
  std::vector<std::string> addresses;  // host:port as written; wildcards dropped
};

// The first bytes of a connection, in the form of one address (-65536).
std::string serialize_hello(ServerId self, std::string_view address);

// Decodes an election connection in any split: first the hello (only when `expect_hello`), then
// framed messages. An error is final.
class ElectionStreamDecoder {
 public:
  explicit ElectionStreamDecoder(bool expect_hello) : expect_hello_(expect_hello) {}
  void feed(std::string_view bytes);
  // The hello; nullopt: more bytes are needed, or it was given already.
  Result<std::optional<Hello>> next_hello();
  // The next message's body; valid until the next feed.
  Result<std::optional<std::string_view>> next_message();

 private:
  bool expect_hello_;
  std::string buffer_;
  size_t begin_ = 0;
};

}  // namespace zooid::wire
