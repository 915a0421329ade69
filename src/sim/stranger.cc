#include "sim/stranger.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "wire/notification.h"
#include "wire/quorum_packet.h"
#include "wire/request.h"

namespace zooid::sim {

using wire::OpCode;
using wire::PacketType;

namespace {

constexpr size_t kLinesMax = 24;
constexpr uint64_t kPauseUsMax = 60'000;
constexpr uint16_t kPorts[] = {2181, 2888, 3888};

std::string framed(const std::string& body) {
  std::string out;
  wire::Writer writer(out);
  writer.buffer(body);
  return out;
}

}  // namespace

// One connection.
class Stranger::Line final : public env::StreamHandler {
 public:
  Port port = Port::kClient;
  int64_t server = 0;  // as whom it speaks
  bool is_member = false;
  bool has_begun = false;
  bool is_gone = false;
  bool is_silent = false;
  std::unique_ptr<env::Stream> stream;

  void on_connected() override { is_open_ = true; }
  void on_bytes(std::string_view) override {}
  void on_closed(const Error&) override { is_gone = true; }
  bool is_open() const { return is_open_ && !is_gone; }

 private:
  bool is_open_ = false;
};

Stranger::Stranger(env::MemoryHost& host, uint64_t seed, std::vector<std::string> servers,
                   std::string config)
    : host_(host), random_(seed), servers_(std::move(servers)), config_(std::move(config)) {
  host_.add_worker(*this);
}

Stranger::~Stranger() = default;

void Stranger::stop() {
  is_stopped_ = true;
  lines_.clear();
  act_at_us_ = kNever;
}

void Stranger::on_batch(Now now) {
  if (is_stopped_ || now.mono_us < act_at_us_) return;
  act_at_us_ = now.mono_us + 1 + static_cast<int64_t>(random_.below(kPauseUsMax));
  std::erase_if(lines_, [](const auto& line) { return line->is_gone; });
  if (lines_.size() < kLinesMax && random_.one_in(4)) open_line();
  if (lines_.empty()) return;
  Line& line = *lines_[random_.below(lines_.size())];
  if (random_.one_in(30)) {
    if (random_.one_in(2)) line.stream->reset();
    line.is_gone = true;
    return;
  }
  if (!line.is_open() || line.is_silent) return;
  for (uint64_t left = 1 + random_.below(4); left > 0; --left) say_something(line);
}

void Stranger::open_line() {
  auto line = std::make_unique<Line>();
  const uint64_t port = random_.below(std::size(kPorts));
  line->port = static_cast<Port>(port);
  line->server = draw_server();
  line->is_member = line->server >= 1 && line->server <= static_cast<int64_t>(servers_.size());
  line->is_silent = random_.one_in(4);
  const std::string& to = servers_[random_.below(servers_.size())];
  line->stream = host_.connect({to, kPorts[port]}, 1'000, *line);
  lines_.push_back(std::move(line));
}

void Stranger::say_something(Line& line) {
  std::string bytes;
  if (line.port == Port::kClient) bytes = client_frame(line);
  if (line.port == Port::kQuorum) bytes = quorum_packet(line);
  if (line.port == Port::kElection) bytes = election_message(line);
  line.has_begun = true;
  ++packets_;
  // Now and then an unfinished end: the next packet stands in its place.
  if (random_.one_in(40)) bytes.resize(random_.below(bytes.size()));
  line.stream->output() += bytes;
}

int64_t Stranger::draw_server() {
  constexpr int64_t kNobody[] = {0, -1, 42, 255, int64_t{1} << 40};
  if (random_.one_in(2)) return 1 + static_cast<int64_t>(random_.below(servers_.size()));
  return kNobody[random_.below(std::size(kNobody))];
}

int64_t Stranger::draw_number() {
  constexpr int64_t kFar[] = {-1, int64_t{1} << 62, INT64_MAX, INT64_MIN, 0x7ffffffd};
  if (random_.one_in(3)) return kFar[random_.below(std::size(kFar))];
  return static_cast<int64_t>(random_.below(40));
}

int64_t Stranger::draw_zxid() {
  if (random_.one_in(4)) return draw_number();
  const int64_t epoch = random_.one_in(8) ? 0x7ffffffd : static_cast<int64_t>(random_.below(30));
  return epoch << 32 | static_cast<int64_t>(random_.below(3'000));
}

std::string Stranger::client_frame(Line& line) {
  if (!line.has_begun) {
    if (random_.one_in(5)) {
      constexpr const char* kWords[] = {"ruok", "srvr", "mntr", "stat", "xxxx"};
      return kWords[random_.below(std::size(kWords))];
    }
    wire::ConnectRequest request;
    request.last_zxid_seen = random_.one_in(3) ? draw_zxid() : 0;
    request.timeout_ms = static_cast<int32_t>(random_.below(20'000));
    request.session_id = SessionId{random_.one_in(3) ? draw_number() : 0};
    request.password = std::string(16, '\0');
    request.has_read_only = true;
    return framed(wire::body_of([&](wire::Writer& out) { wire::write(out, request); }));
  }
  constexpr OpCode kTypes[] = {OpCode::kGetData,    OpCode::kExists,       OpCode::kGetChildren2,
                               OpCode::kCreate,     OpCode::kDelete,       OpCode::kSync,
                               OpCode::kPing,       OpCode::kMulti,        OpCode::kSetData,
                               OpCode::kMultiRead,  OpCode::kCloseSession, OpCode::kAuth,
                               OpCode::kSetWatches, OpCode::kReconfig};
  const OpCode type = kTypes[random_.below(std::size(kTypes))];
  const std::string path = fmt::format("/stranger{}", random_.below(4));
  const std::string data(random_.below(300), 'x');
  static const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
  return framed(wire::body_of([&](wire::Writer& out) {
    wire::write(out, wire::RequestHeader{static_cast<int32_t>(random_.below(50)),
                                         static_cast<int32_t>(type)});
    if (type == OpCode::kCreate) {
      wire::write_create(out, type, {path, data, acl, false, 0, 0});
    } else if (type == OpCode::kSetData) {
      wire::write_set_data(out, {path, data, -1});
    } else if (type == OpCode::kDelete) {
      wire::write_path_version(out, {path, -1});
    } else if (type == OpCode::kAuth) {
      wire::write_auth(out, {0, "digest", "stranger:x"});
    } else if (type != OpCode::kCloseSession && type != OpCode::kPing) {
      wire::write_path_watch(out, {path, random_.one_in(2)});
    }
  }));
}

std::string Stranger::quorum_packet(Line& line) {
  constexpr PacketType kOfAnybody[] = {
      PacketType::kFollowerInfo, PacketType::kObserverInfo, PacketType::kPing,
      PacketType::kRequest,      PacketType::kRevalidate,   PacketType::kSync,
      PacketType::kProposal,     PacketType::kCommit,       PacketType::kNewLeader,
      PacketType::kUpToDate,     PacketType::kDiff,         PacketType::kTrunc,
      PacketType::kInform,       PacketType::kLeaderInfo};
  constexpr PacketType kOfNobody[] = {PacketType::kAckEpoch, PacketType::kAck};
  PacketType type = kOfAnybody[random_.below(std::size(kOfAnybody))];
  if (!line.is_member && random_.one_in(3)) type = kOfNobody[random_.below(2)];
  if (!line.has_begun && !random_.one_in(8)) {
    type = random_.one_in(4) ? PacketType::kObserverInfo : PacketType::kFollowerInfo;
  }
  wire::QuorumPacket packet{type, Zxid{draw_zxid()}};
  const auto carry = [&packet](std::string data) {
    packet.data = Bytes(std::move(data));
    packet.data_is_null = false;
  };
  if (type == PacketType::kFollowerInfo || type == PacketType::kObserverInfo) {
    carry(wire::serialize(wire::LearnerInfo{ServerId{line.server}, 0x10000, 0}));
  } else if (type == PacketType::kAckEpoch || type == PacketType::kLeaderInfo) {
    carry(wire::body_of([&](wire::Writer& out) { out.i32(static_cast<int32_t>(draw_number())); }));
  } else if (type == PacketType::kRequest) {
    const std::string body = wire::body_of(
        [&](wire::Writer& out) { wire::write_path_version(out, {"/stranger0", -1}); });
    carry(wire::serialize(wire::ForwardedRequest{SessionId{0x5757000000000000 + draw_number() % 99},
                                                 static_cast<int32_t>(random_.below(90)),
                                                 OpCode::kDelete, body}));
  } else if (type == PacketType::kRevalidate || type == PacketType::kPing) {
    carry(wire::body_of([&](wire::Writer& out) {
      for (uint64_t left = random_.below(3); left > 0; --left) {
        out.i64(draw_number());
        out.i32(static_cast<int32_t>(random_.below(9'000)));
      }
    }));
  } else if (random_.one_in(2)) {
    carry(std::string(random_.below(60), '\0'));
  }
  std::string bytes;
  wire::write(bytes, packet);
  return bytes;
}

std::string Stranger::election_message(Line& line) {
  std::string bytes;
  if (!line.has_begun) {
    bytes = wire::serialize_hello(ServerId{line.server}, fmt::format("{}:{}", host_.name(), 3'888));
    if (random_.one_in(3)) return bytes;
  }
  wire::Notification told;
  told.state = static_cast<wire::PeerState>(random_.below(4));
  told.leader = ServerId{draw_server()};
  told.zxid = Zxid{draw_zxid()};
  told.round = draw_number();
  told.peer_epoch = static_cast<Epoch>(draw_number());
  if (random_.one_in(3)) {
    told.config = random_.one_in(2)
                      ? fmt::format("server.1={}:2888:3888:participant;2181\nversion={:x}",
                                    servers_[0], 1 + random_.below(1'000'000))
                      : config_;
  }
  return bytes + framed(wire::serialize(told));
}

}  // namespace zooid::sim
