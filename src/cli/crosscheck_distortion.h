// The self-test of the cross-check: a proxy in front of a server that changes one thing in what the
// server says. A cross-check that does not notice each of them is no judge.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/network.h"

namespace zooid::cli {

// Of a frame that the server sends.
struct FrameOrigin {
  static constexpr int32_t kEvent = -1000, kHandshake = -1001;
  int32_t type = 0;  // of the request, or one of these
  int32_t err = 0;
};

enum class DistortionKind {
  kEdit,  // edit() changes bytes of a frame
  kDropEvent,
  kDoubleEvent,
  kEventBehindReply,
  kSwapEvents,
  kSwapReplies,
  kDropReply,
  kCloseBehindReply,
};

struct Distortion {
  const char* name;
  DistortionKind kind;
  // False if there is nothing in the frame to change.
  bool (*edit)(std::string& frame, const FrameOrigin& origin);
};

std::span<const Distortion> distortions();

// Listens on a port of its own while it lives.
class DistortingProxy {
 public:
  DistortingProxy(env::Network& network, env::Endpoint target, const Distortion& distortion);
  ~DistortingProxy();

  // Fails if no port can be had.
  Result<env::Endpoint> start();
  uint64_t changes() const { return changes_; }

 private:
  class Link;
  env::Network& network_;
  env::Endpoint target_;
  const Distortion& distortion_;
  std::unique_ptr<env::Listener> listener_;
  std::vector<std::unique_ptr<Link>> links_;
  uint64_t opportunities_ = 0;
  uint64_t changes_ = 0;
};

}  // namespace zooid::cli
