#include "cli/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/random.h"
#include "client/client.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

struct Shared {
  const BenchOptions& options;
  const env::Clock& clock;
  std::string root;
  Random random;
  bool measuring = false;
  bool stopping = false;
  BenchResult result;
  int64_t last_answer_us = 0;
};

// One client connection. Speaks just enough of the protocol to be no burden: replies are matched by
// order, only their error is looked at.
class BenchConnection : public env::StreamHandler {
 public:
  BenchConnection(Shared& shared, env::Network& network, env::Endpoint server)
      : shared_(shared), network_(network), server_(std::move(server)) {
    connect();
  }

  bool ready() const { return handshaken_; }
  bool idle() const { return sent_at_.size() == answered_; }

  // Requests that are due now.
  void fill(int64_t now_us) {
    if (broken_) {
      stream_.reset();
      connect();
      return;
    }
    if (!handshaken_ || shared_.stopping) return;
    if (shared_.options.rate > 0) {
      while (next_due_us_ <= now_us) {
        send_one(next_due_us_);
        next_due_us_ += interval_us_;
      }
      return;
    }
    const auto depth = static_cast<size_t>(shared_.options.depth);
    while (sent_at_.size() - answered_ < depth) send_one(now_us);
  }
  int64_t next_due_us() const {
    if (broken_) return 0;
    return handshaken_ && shared_.options.rate > 0 && !shared_.stopping ? next_due_us_ : kNever;
  }
  void schedule(int64_t first_us, int64_t interval_us) {
    next_due_us_ = first_us;
    interval_us_ = std::max<int64_t>(1, interval_us);
  }

  void on_connected() override {
    wire::ConnectRequest request;
    request.timeout_ms = shared_.options.session_timeout_ms;
    request.password = std::string(16, '\0');
    request.has_read_only = true;
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    wire::write(out, request);
    wire::end_frame(stream_->output(), begun);
  }

  void on_bytes(std::string_view bytes) override {
    if (!input_.empty()) {
      input_.append(bytes);
      bytes = input_;
    }
    size_t begin = 0;
    while (bytes.size() - begin >= 4) {
      wire::Reader in(bytes.substr(begin));
      const auto length = static_cast<size_t>(in.i32());
      if (in.remaining() < length) break;
      on_frame(bytes.substr(begin + 4, length));
      begin += 4 + length;
    }
    std::string rest(bytes.substr(begin));
    input_ = std::move(rest);
  }

  void on_closed(const Error&) override {
    broken_ = true;
    handshaken_ = false;
    if (!shared_.stopping) ++shared_.result.lost_connections;
    sent_at_.clear();
    answered_ = 0;
    input_.clear();
  }

  void close() {
    if (!handshaken_) return;
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    wire::write(out, wire::RequestHeader{1, static_cast<int32_t>(wire::OpCode::kCloseSession)});
    wire::end_frame(stream_->output(), begun);
    handshaken_ = false;
  }

 private:
  void connect() {
    broken_ = false;
    stream_ = network_.connect(server_, 5000, *this);
  }

  void on_frame(std::string_view frame) {
    if (!handshaken_) {
      handshaken_ = true;
      return;
    }
    wire::Reader in(frame);
    const int32_t xid = in.i32();
    in.i64();
    const int32_t err = in.i32();
    if (xid < 0 || answered_ == sent_at_.size()) return;
    const int64_t now_us = shared_.clock.now().mono_us;
    if (shared_.measuring) {
      ++shared_.result.operations;
      if (err != 0) ++shared_.result.errors;
      shared_.result.latency.add(now_us - sent_at_[answered_]);
      const double gap = static_cast<double>(now_us - shared_.last_answer_us) / 1000;
      shared_.result.longest_gap_ms = std::max(shared_.result.longest_gap_ms, gap);
    }
    shared_.last_answer_us = now_us;
    if (++answered_ == sent_at_.size()) {
      sent_at_.clear();
      answered_ = 0;
    } else if (answered_ > 4096) {
      sent_at_.erase(sent_at_.begin(), sent_at_.begin() + static_cast<std::ptrdiff_t>(answered_));
      answered_ = 0;
    }
  }

  void send_one(int64_t due_us) {
    sent_at_.push_back(due_us);
    std::string& out = stream_->output();
    const size_t begun = wire::begin_frame(out);
    wire::Writer writer(out);
    const BenchOptions& options = shared_.options;
    const int total = options.get_share + options.set_share + options.create_share +
                      options.exists_share + options.children_share;
    int draw = static_cast<int>(shared_.random.below(static_cast<uint64_t>(total)));
    char path[64];
    const int length =
        std::snprintf(path, sizeof(path), "%s/n%d", shared_.root.c_str(),
                      static_cast<int>(shared_.random.below(static_cast<uint64_t>(options.nodes))));
    const std::string_view node(path, static_cast<size_t>(length));
    const auto header = [&](wire::OpCode type) {
      wire::write(writer, wire::RequestHeader{next_xid_++, static_cast<int32_t>(type)});
    };
    if ((draw -= options.get_share) < 0) {
      header(wire::OpCode::kGetData);
      wire::write_path_watch(writer, {node, false});
    } else if ((draw -= options.set_share) < 0) {
      header(wire::OpCode::kSetData);
      wire::write_set_data(writer, {node, value(), -1});
    } else if ((draw -= options.exists_share) < 0) {
      header(wire::OpCode::kExists);
      wire::write_path_watch(writer, {node, false});
    } else if ((draw -= options.children_share) < 0) {
      header(wire::OpCode::kGetChildren);
      wire::write_path_watch(writer, {node, false});
    } else {
      header(wire::OpCode::kCreate);
      wire::CreateRequest request;
      const std::string child = std::string(node) + "/c-";
      request.path = child;
      request.data = value();
      request.acl = {{wire::kPermAll, {"world", "anyone"}}};
      request.flags = wire::kFlagSequential;
      wire::write_create(writer, wire::OpCode::kCreate, request);
    }
    wire::end_frame(out, begun);
  }

  std::string_view value() {
    if (value_.empty()) value_.assign(static_cast<size_t>(shared_.options.value_bytes), 'v');
    return value_;
  }

  Shared& shared_;
  env::Network& network_;
  env::Endpoint server_;
  std::unique_ptr<env::Stream> stream_;
  bool broken_ = false;
  bool handshaken_ = false;
  std::string input_;
  std::string value_;
  std::vector<int64_t> sent_at_;
  size_t answered_ = 0;
  int32_t next_xid_ = 1;
  int64_t next_due_us_ = 0;
  int64_t interval_us_ = 0;
};

class Load : public env::Worker {
 public:
  explicit Load(std::vector<std::unique_ptr<BenchConnection>>& connections)
      : connections_(connections) {}
  void on_batch(Now now) override {
    for (auto& connection : connections_) connection->fill(now.mono_us);
  }
  int64_t next_deadline() const override {
    int64_t deadline = kNever;
    for (const auto& connection : connections_) {
      deadline = std::min(deadline, connection->next_due_us());
    }
    return deadline;
  }

 private:
  std::vector<std::unique_ptr<BenchConnection>>& connections_;
};

// The nodes the load works on, made and removed through an ordinary session.
class Nodes {
 public:
  Nodes(Terminal& terminal, const BenchOptions& options, std::string root)
      : terminal_(terminal), options_(options), root_(std::move(root)) {
    client::ClientOptions client_options;
    client_options.servers = options.servers;
    client_ = std::make_unique<client::Client>(terminal.network, terminal.clock,
                                               static_cast<uint64_t>(terminal.clock.now().wall_ms),
                                               std::move(client_options));
    terminal_.add_worker(*client_);
  }
  ~Nodes() { terminal_.remove_worker(*client_); }

  Result<> make() {
    const std::string value(static_cast<size_t>(options_.value_bytes), 'v');
    create(root_, "");
    for (int i = 0; i < options_.nodes; ++i) create(fmt::format("{}/n{}", root_, i), value);
    return finish();
  }

  void remove() {
    for (int i = 0; i < options_.nodes; ++i) {
      const std::string node = fmt::format("{}/n{}", root_, i);
      if (options_.create_share > 0) {
        for (const std::string& child : children_of(node)) erase(node + "/" + child);
      }
      erase(node);
    }
    erase(root_);
    (void)finish();
    bool closed = false;
    client_->close([&](const client::ReplyView&) { closed = true; });
    terminal_.run_until([&] { return closed; }, 2000);
  }

 private:
  void create(const std::string& path, std::string_view data) {
    std::string body;
    wire::Writer out(body);
    wire::CreateRequest request;
    request.path = path;
    request.data = data;
    request.acl = {{wire::kPermAll, {"world", "anyone"}}};
    wire::write_create(out, wire::OpCode::kCreate, request);
    send(wire::OpCode::kCreate, std::move(body));
  }
  std::vector<std::string> children_of(const std::string& node) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_watch(out, {node, false});
    std::vector<std::string> names;
    ++waiting_;
    client_->submit(wire::OpCode::kGetChildren, std::move(body),
                    [this, &names](const client::ReplyView& reply) {
                      --waiting_;
                      wire::Reader in(reply.body);
                      for (int32_t left = in.count(4); left > 0; --left) {
                        names.emplace_back(in.buffer());
                      }
                    });
    // On failure the callback may come later; the names must not be gone then.
    if (!finish()) client_->disconnect();
    return names;
  }
  void erase(const std::string& path) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_version(out, {path, -1});
    send(wire::OpCode::kDelete, std::move(body));
  }
  void send(wire::OpCode type, std::string body) {
    ++waiting_;
    client_->submit(type, std::move(body), [this](const client::ReplyView& reply) {
      --waiting_;
      if (reply.err != wire::ErrorCode::kOk) failure_ = wire::error_name(reply.err);
    });
    if (waiting_ >= 500) (void)finish();
  }
  Result<> finish() {
    if (!terminal_.run_until([this] { return waiting_ == 0; }, 60'000)) {
      return fail("the servers did not answer while the nodes were made");
    }
    if (!failure_.empty()) return fail("cannot make the nodes: " + failure_);
    return {};
  }

  Terminal& terminal_;
  const BenchOptions& options_;
  std::string root_;
  std::unique_ptr<client::Client> client_;
  int waiting_ = 0;
  std::string failure_;
};

}  // namespace

Result<BenchResult> run_bench(Terminal& terminal, const BenchOptions& options) {
  const auto seed = static_cast<uint64_t>(terminal.clock.now().mono_us);
  Shared shared{options, terminal.clock, fmt::format("/zooid-bench-{:x}", seed), Random(seed)};
  Nodes nodes(terminal, options, shared.root);
  TRY(nodes.make());
  std::vector<std::unique_ptr<BenchConnection>> connections;
  for (int i = 0; i < options.connections; ++i) {
    connections.push_back(std::make_unique<BenchConnection>(
        shared, terminal.network,
        options.servers[static_cast<size_t>(i) % options.servers.size()]));
  }
  if (!terminal.run_until(
          [&] {
            return std::all_of(connections.begin(), connections.end(),
                               [](const auto& c) { return c->ready(); });
          },
          30'000)) {
    return fail(
        "not every connection got a session within 30 s (maxClientCnxns, 60 by default, limits the "
        "connections from one address)");
  }
  const int64_t begin_us = terminal.clock.now().mono_us;
  if (options.rate > 0) {
    const double interval = 1e6 * options.connections / options.rate;
    for (size_t i = 0; i < connections.size(); ++i) {
      connections[i]->schedule(
          begin_us + static_cast<int64_t>(interval * static_cast<double>(i) / options.connections),
          static_cast<int64_t>(interval));
    }
  }
  Load load(connections);
  terminal.add_worker(load);
  terminal.run_until(terminal.interrupted, static_cast<int64_t>(options.warm_up_s * 1000));
  shared.measuring = true;
  const int64_t from_us = terminal.clock.now().mono_us;
  shared.last_answer_us = from_us;
  terminal.run_until(terminal.interrupted, static_cast<int64_t>(options.duration_s * 1000));
  shared.measuring = false;
  shared.result.seconds = static_cast<double>(terminal.clock.now().mono_us - from_us) / 1e6;
  shared.stopping = true;
  terminal.run_until(
      [&] {
        return std::all_of(connections.begin(), connections.end(),
                           [](const auto& c) { return c->idle(); });
      },
      5000);
  terminal.remove_worker(load);
  for (auto& connection : connections) connection->close();
  terminal.run_until([] { return false; }, 50);
  connections.clear();
  nodes.remove();
  return shared.result;
}

bool parse_mix(const std::string& text, BenchOptions& options) {
  options.get_share = options.set_share = options.create_share = options.exists_share =
      options.children_share = 0;
  std::string_view rest = text;
  int total = 0;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    const size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    const int share = equals == std::string_view::npos
                          ? 100
                          : std::atoi(std::string(one.substr(equals + 1)).c_str());
    int* target = name == "get"        ? &options.get_share
                  : name == "set"      ? &options.set_share
                  : name == "create"   ? &options.create_share
                  : name == "exists"   ? &options.exists_share
                  : name == "children" ? &options.children_share
                                       : nullptr;
    if (target == nullptr || share < 0) return false;
    *target = share;
    total += share;
  }
  return total > 0;
}

std::string bench_text(const BenchOptions& options, const BenchResult& result) {
  const LatencyHistogram& latency = result.latency;
  return fmt::format(
      "{} connections, {}: {:.0f} operations/s ({} in {:.1f} s), {} errors, {} connections lost\n"
      "latency us: mean {:.0f}  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}; longest silence {:.1f} "
      "ms\n",
      options.connections,
      options.rate > 0 ? fmt::format("open loop at {:.0f}/s", options.rate)
                       : fmt::format("{} deep", options.depth),
      static_cast<double>(result.operations) / result.seconds, result.operations, result.seconds,
      result.errors, result.lost_connections, latency.mean_us(), latency.percentile_us(0.5),
      latency.percentile_us(0.9), latency.percentile_us(0.99), latency.percentile_us(0.999),
      latency.max_us(), result.longest_gap_ms);
}

std::string bench_json(const BenchOptions& options, const BenchResult& result) {
  const LatencyHistogram& latency = result.latency;
  return fmt::format(
      "{{\"connections\":{},\"depth\":{},\"rate\":{:.0f},\"value_bytes\":{},\"seconds\":{:.3f},"
      "\"operations\":{},\"operations_per_second\":{:.1f},\"errors\":{},\"lost_connections\":{},"
      "\"longest_gap_ms\":{:.3f},\"latency_us\":{{\"mean\":{:.1f},\"p50\":{},\"p90\":{},\"p99\":{},"
      "\"p999\":{},\"max\":{}}}}}\n",
      options.connections, options.depth, options.rate, options.value_bytes, result.seconds,
      result.operations, static_cast<double>(result.operations) / result.seconds, result.errors,
      result.lost_connections, result.longest_gap_ms, latency.mean_us(), latency.percentile_us(0.5),
      latency.percentile_us(0.9), latency.percentile_us(0.99), latency.percentile_us(0.999),
      latency.max_us());
}

}  // namespace zooid::cli
