#include "cli/crosscheck_proxy.h"

#include <optional>

#include "cli/crosscheck_proxy_link.h"
#include "cli/crosscheck_shadow.h"

namespace zooid::cli {
namespace {

constexpr int kBacklog = 128;
// What the reference had already said when requests stopped arrives within this time.
constexpr int64_t kLastAnswersMs = 300;
constexpr int64_t kFinishTimeoutMs = 15'000;
constexpr int64_t kForeverMs = int64_t{1} << 40;

class Proxy : public env::Worker {
 public:
  Proxy(Terminal& terminal, const CrosscheckProxyOptions& options,
        const CrosscheckProxyEvents& events, const env::Endpoint& candidate)
      : terminal_(terminal),
        options_(options),
        events_(events),
        judge_(options.profile, events.found),
        shadow_(terminal.network, terminal.clock, candidate, judge_,
                ShadowLimits{.bytes_max = options.buffer_bytes_max}) {
    terminal.add_worker(*this);
  }
  ~Proxy() override { terminal_.remove_worker(*this); }

  Result<CrosscheckProxyReport> run() {
    TRY_VALUE(listener, terminal_.network.listen(options_.listen, kBacklog,
                                                 [this](std::unique_ptr<env::Stream> client) {
                                                   return accept(std::move(client));
                                                 }));
    events_.ready({options_.listen.host, listener->port()});
    terminal_.run_until(events_.should_end, kForeverMs);
    listener.reset();
    for (const auto& link : links_) link->stop_requests();
    terminal_.run_until([] { return false; }, kLastAnswersMs);
    shadow_.finish();
    const bool is_judged =
        terminal_.run_until([this] { return shadow_.is_settled(); }, kFinishTimeoutMs);
    if (!is_judged) shadow_.drop("the candidate did not answer in time at the end");
    tell_if_dropped();
    CrosscheckProxyReport report;
    report.connections = connections_;
    report.counts = judge_.counts();
    report.dropped = shadow_.dropped();
    return report;
  }

 private:
  env::StreamHandler* accept(std::unique_ptr<env::Stream> client) {
    links_.push_back(std::make_unique<ProxyLink>(terminal_.network, options_.reference, server_,
                                                 ++connections_, std::move(client), shadow_));
    return &links_.back()->client_handler();
  }

  void on_batch(Now now) override {
    shadow_.step(now);
    tell_if_dropped();
    for (const auto& link : links_) link->end_if_overdue(now.mono_us);
    std::erase_if(links_, [this](const std::unique_ptr<ProxyLink>& link) {
      if (link->is_over()) server_ = link->server();
      return link->is_over();
    });
  }
  int64_t next_deadline() const override { return shadow_.next_deadline(); }

  void tell_if_dropped() {
    if (shadow_.dropped().empty() || std::exchange(told_dropped_, true)) return;
    events_.dropped(shadow_.dropped());
  }

  Terminal& terminal_;
  const CrosscheckProxyOptions& options_;
  const CrosscheckProxyEvents& events_;
  ProxyJudge judge_;
  Shadow shadow_;
  std::vector<std::unique_ptr<ProxyLink>> links_;
  uint64_t connections_ = 0;
  size_t server_ = 0;  // of the reference, that new clients get
  bool told_dropped_ = false;
};

}  // namespace

int CrosscheckProxyReport::exit_code() const {
  if (counts.differences > 0) return 1;
  return dropped.empty() ? 0 : 2;
}

Result<CrosscheckProxyReport> run_crosscheck_proxy(Terminal& terminal,
                                                   const CrosscheckProxyOptions& options,
                                                   const CrosscheckProxyEvents& events) {
  env::Endpoint candidate = options.candidate.front();
  std::optional<DistortingProxy> distorting;
  if (options.distortion != nullptr) {
    distorting.emplace(terminal.network, candidate, *options.distortion);
    TRY_VALUE(address, distorting->start());
    candidate = address;
  }
  TRY_VALUE(report, Proxy(terminal, options, events, candidate).run());
  if (distorting) report.distortions = distorting->changes();
  return report;
}

}  // namespace zooid::cli
