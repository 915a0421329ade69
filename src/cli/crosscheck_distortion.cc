#include "cli/crosscheck_distortion.h"

#include <algorithm>

#include "cli/crosscheck_frames.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

// Not every frame is changed: what is always wrong in the same way may look right.
constexpr uint64_t kEveryNth = 3;
constexpr int64_t kConnectTimeoutMs = 5'000;

}  // namespace

// A client's connection and the one to the server behind it.
class DistortingProxy::Link {
 public:
  Link(DistortingProxy& proxy, std::unique_ptr<env::Stream> client)
      : proxy_(proxy),
        from_client_(*this, true),
        from_server_(*this, false),
        client_(std::move(client)),
        server_(proxy.network_.connect(proxy.target_, kConnectTimeoutMs, from_server_)) {}

  env::StreamHandler& client_handler() { return from_client_; }

 private:
  class Side : public env::StreamHandler {
   public:
    Side(Link& link, bool is_client) : link_(link), is_client_(is_client) {}
    void on_bytes(std::string_view bytes) override {
      input_.append(bytes);
      is_client_ ? link_.on_client_bytes(bytes, input_) : link_.on_server_bytes(input_);
    }
    void on_closed(const Error&) override { link_.on_closed(is_client_); }

   private:
    Link& link_;
    bool is_client_;
    std::string input_;
  };

  // Every byte goes on as it came; requests are remembered by xid.
  void on_client_bytes(std::string_view bytes, std::string& input) {
    if (server_ == nullptr) return;
    server_->output().append(bytes);
    take_frames(input, [&](std::string_view frame) {
      if (!std::exchange(client_spoke_, true)) return;
      wire::Reader in(frame);
      const int32_t xid = in.i32(), type = in.i32();
      requests_.emplace_back(xid, type);
    });
  }

  void on_server_bytes(std::string& input) {
    std::vector<std::string> frames;
    take_frames(input, [&](std::string_view frame) { frames.emplace_back(frame); });
    for (size_t i = 0; i < frames.size(); ++i) {
      const bool has_next = i + 1 < frames.size();
      if (forward(frames[i], has_next ? &frames[i + 1] : nullptr)) ++i;
      if (client_ == nullptr) return;
    }
  }

  FrameOrigin origin_of(const std::string& frame) {
    if (!std::exchange(server_spoke_, true)) return {FrameOrigin::kHandshake, 0};
    wire::Reader in(frame);
    wire::ReplyHeader header;
    wire::read(in, header);
    if (header.xid == wire::kXidNotification) return {FrameOrigin::kEvent, 0};
    const auto request = std::find_if(requests_.begin(), requests_.end(),
                                      [&](const auto& one) { return one.first == header.xid; });
    if (request == requests_.end()) return {0, header.err};
    const FrameOrigin origin{request->second, header.err};
    requests_.erase(request);
    return origin;
  }

  void send(const std::string& frame) {
    std::string& out = client_->output();
    const size_t begun = wire::begin_frame(out);
    out.append(frame);
    wire::end_frame(out, begun);
  }

  // True if it sent `next`, too.
  bool forward(std::string& frame, std::string* next) {
    const FrameOrigin origin = origin_of(frame);
    const bool is_event = origin.type == FrameOrigin::kEvent;
    const bool is_handshake = origin.type == FrameOrigin::kHandshake;
    const bool next_is_event = next != nullptr && next->starts_with("\xff\xff\xff\xff");
    switch (proxy_.distortion_.kind) {
      case DistortionKind::kEdit: {
        std::string edited = frame;
        if (proxy_.distortion_.edit(edited, origin) && is_due()) frame = std::move(edited);
        break;
      }
      case DistortionKind::kDropEvent:
        if (is_event && is_due()) return false;
        break;
      case DistortionKind::kDoubleEvent:
        if (is_event && is_due()) send(frame);
        break;
      case DistortionKind::kEventBehindReply:
        if (is_event && next != nullptr && !next_is_event && is_due()) return swap(frame, *next);
        break;
      case DistortionKind::kSwapEvents:
        if (is_event && next_is_event && frame != *next && is_due()) return swap(frame, *next);
        break;
      case DistortionKind::kSwapReplies:
        if (!is_event && !is_handshake && next != nullptr && !next_is_event && is_due()) {
          return swap(frame, *next);
        }
        break;
      case DistortionKind::kDropReply:
        if (!is_event && !is_handshake && is_due()) return false;
        break;
      case DistortionKind::kCloseBehindReply:
        if (is_event || is_handshake || !is_due()) break;
        send(frame);
        close();
        return false;
    }
    send(frame);
    return false;
  }

  bool swap(const std::string& frame, const std::string& next) {
    origin_of(next);
    send(next);
    send(frame);
    return true;
  }

  bool is_due() {
    if (proxy_.opportunities_++ % kEveryNth != 0) return false;
    ++proxy_.changes_;
    return true;
  }

  void on_closed(bool by_client) {
    (by_client ? client_ : server_).reset();
    close();
  }
  void close() {
    for (auto* stream : {&client_, &server_}) {
      if (*stream != nullptr) (*stream)->close();
      stream->reset();
    }
  }

  DistortingProxy& proxy_;
  Side from_client_, from_server_;
  std::unique_ptr<env::Stream> client_, server_;
  bool client_spoke_ = false, server_spoke_ = false;
  std::vector<std::pair<int32_t, int32_t>> requests_;  // xid, type
};

DistortingProxy::DistortingProxy(env::Network& network, env::Endpoint target,
                                 const Distortion& distortion)
    : network_(network), target_(std::move(target)), distortion_(distortion) {}

DistortingProxy::~DistortingProxy() = default;

Result<env::Endpoint> DistortingProxy::start() {
  constexpr int kBacklog = 128;
  const env::Endpoint here{"127.0.0.1", 0};
  TRY_VALUE(listener, network_.listen(here, kBacklog, [this](std::unique_ptr<env::Stream> client) {
    links_.push_back(std::make_unique<Link>(*this, std::move(client)));
    return &links_.back()->client_handler();
  }));
  listener_ = std::move(listener);
  return env::Endpoint{here.host, listener_->port()};
}

}  // namespace zooid::cli
