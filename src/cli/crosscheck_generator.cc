#include "cli/crosscheck_generator.h"

#include <algorithm>

#include "base/random.h"
#include "cli/crosscheck_requests.h"

namespace zooid::cli {
namespace {

constexpr size_t kSlotsMin = 2, kSlotsMax = 5;
constexpr size_t kGroupMax = 6;
// jute.maxbuffer by default: the longest frame a server takes.
constexpr size_t kFrameBytesMax = 1'048'575;
constexpr int32_t kTimeoutsMs[] = {30'000, 30'000, 20'000, 40'000, 1'000'000, 15'000};

class Generator {
 public:
  Generator(uint64_t seed, const GeneratorOptions& options)
      : options_(options), random_(seed), requests_(random_, options.profile, options.servers) {
    plan_.seed = seed;
    plan_.slots = kSlotsMin + random_.below(kSlotsMax - kSlotsMin + 1);
    open_.resize(plan_.slots);
    has_session_.resize(plan_.slots);
  }

  Plan run() {
    for (size_t slot = 0; slot < plan_.slots; ++slot) connect(slot, ConnectMode::kNewSession);
    size_t operations = 0;
    while (operations < options_.operations) {
      const size_t before = plan_.steps.size();
      next();
      for (size_t i = before; i < plan_.steps.size(); ++i) {
        operations += std::max<size_t>(1, plan_.steps[i].requests.size());
      }
    }
    return std::move(plan_);
  }

 private:
  void next() {
    const size_t slot = random_.below(plan_.slots);
    if (!open_[slot]) return reconnect(slot);
    const uint64_t draw = random_.below(1000);
    if (draw < 900) return group(slot);
    if (draw < 930) return alone(slot, requests_.auth(true));
    if (draw < 945) return connect(slot, ConnectMode::kAttach);  // moves; the old one still open
    if (draw < 958) return disconnect(slot);
    if (draw < 968) return end_session(slot);
    if (draw < 978) return quota(slot);
    if (draw < 983) return alone(slot, requests_.sasl());
    if (draw < 986) return alone_and_closed(slot, requests_.auth(false));
    if (draw < 990) return unknown_operation(slot);
    if (draw < 996) return raw(slot);
    if (draw < 998) return alone(slot, requests_.of_frame_bytes(kFrameBytesMax));
    return alone_and_closed(slot, requests_.of_frame_bytes(kFrameBytesMax + 1));
  }

  static bool is_write(wire::OpCode type) {
    using wire::OpCode;
    static constexpr OpCode kWrites[] = {
        OpCode::kCreate,    OpCode::kCreate2, OpCode::kCreateContainer,
        OpCode::kCreateTtl, OpCode::kDelete,  OpCode::kSetData,
        OpCode::kSetAcl,    OpCode::kMulti,   OpCode::kReconfig};
    return std::find(std::begin(kWrites), std::end(kWrites), type) != std::end(kWrites);
  }

  Step& add(StepKind kind, size_t slot) {
    Step& step = plan_.steps.emplace_back();
    step.kind = kind;
    step.slot = slot;
    return step;
  }

  void group(size_t slot) {
    Step& step = add(StepKind::kRequests, slot);
    add_requests(step, random_.one_in(3) ? 1 + random_.below(kGroupMax) : 1);
  }

  // A setACL ends its group, and so does every write once there are quotas: see pending-acls and
  // pending-quotas.
  void add_requests(Step& step, uint64_t count) {
    for (; count > 0; --count) {
      step.requests.push_back(requests_.request());
      const auto type = static_cast<wire::OpCode>(step.requests.back().type);
      if (type == wire::OpCode::kSetAcl || (has_quotas_ && is_write(type))) return;
    }
  }

  void alone(size_t slot, PlannedRequest request) {
    add(StepKind::kRequests, slot).requests.push_back(std::move(request));
  }

  void alone_and_closed(size_t slot, PlannedRequest request) {
    alone(slot, std::move(request));
    open_[slot] = false;
  }

  void end_session(size_t slot) {
    group(slot);
    plan_.steps.back().requests.push_back(requests_.close_session());
    open_[slot] = false;
    if (!random_.one_in(5)) has_session_[slot] = false;  // else somebody tries to attach to it
  }

  void disconnect(size_t slot) {
    add(StepKind::kDisconnect, slot);
    open_[slot] = false;
  }

  // Zooid keeps the connection, ZooKeeper closes it: here the client closes it in both cases.
  void unknown_operation(size_t slot) {
    alone(slot, requests_.unknown_operation());
    disconnect(slot);
  }

  void quota(size_t slot) {
    Step& step = add(StepKind::kRequests, slot);
    step.requests = requests_.quota();
    has_quotas_ = true;
  }

  void connect(size_t slot, ConnectMode mode) {
    Step& step = add(StepKind::kConnect, slot);
    step.mode = mode;
    step.server = random_.below(options_.servers);
    step.timeout_ms = kTimeoutsMs[random_.below(std::size(kTimeoutsMs))];
    step.has_read_only = !random_.one_in(6);
    open_[slot] = mode == ConnectMode::kNewSession || mode == ConnectMode::kAttach;
    if (mode == ConnectMode::kNewSession) has_session_[slot] = true;
    if (open_[slot] && random_.one_in(4)) add_requests(step, 1 + random_.below(3));
  }

  void reconnect(size_t slot) {
    const uint64_t draw = random_.below(20);
    if (draw == 0) return raw_connect(slot);
    if (draw == 1) return connect(slot, ConnectMode::kUnknownSession);
    if (draw == 2) return connect(slot, ConnectMode::kZxidAhead);
    if (!has_session_[slot]) return connect(slot, ConnectMode::kNewSession);
    if (draw == 3) return connect(slot, ConnectMode::kWrongPassword);
    connect(slot, ConnectMode::kAttach);
  }

  // Frames that end a connection without a reply.
  void raw(size_t slot) {
    using namespace std::string_literals;
    const std::string bytes[] = {"\0\0\0\0"s,         "\xff\xff\xff\xff"s,
                                 "\x00\x10\x00\x00"s, "\x7f\xff\xff\xff"s,
                                 "\0\0\0\4\0\0\0\1"s, "\0\0\0\7\0\0\0\1\0\0\0"s};
    add(StepKind::kRawBytes, slot).bytes = bytes[random_.below(std::size(bytes))];
    open_[slot] = false;
  }

  void raw_connect(size_t slot) {
    using namespace std::string_literals;
    const std::string bytes[] = {"\0\0\0\0"s,         "\xff\xff\xff\xff"s,
                                 "\0\0\0\4\0\0\0\0"s, "\0\0\0\x10"s + std::string(16, '\0'),
                                 "\x00\x10\x00\x00"s, "lead"s};
    Step& step = add(StepKind::kRawConnect, slot);
    step.bytes = bytes[random_.below(std::size(bytes))];
    step.server = random_.below(options_.servers);
  }

  const GeneratorOptions& options_;
  Random random_;
  RequestMaker requests_;
  Plan plan_;
  std::vector<bool> open_;  // probably: has a connection
  std::vector<bool> has_session_;
  bool has_quotas_ = false;
};

}  // namespace

Plan generate_plan(uint64_t seed, const GeneratorOptions& options) {
  return Generator(seed, options).run();
}

}  // namespace zooid::cli
