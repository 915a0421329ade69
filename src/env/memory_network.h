// A network in memory, with virtual time: several hosts, each with a loop of its own that does what
// the real one does (network.h), joined by connections that behave as TCP does, in a world in which
// cables are cut, hosts lose power and processes are killed. Everything that happens follows from
// the seed and the calls. One thread.
//
// It outlives its hosts' streams and listeners. Time passes in run_until() alone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "env/clock.h"
#include "env/network.h"

namespace zooid::env {

class MemoryNetwork;
class MemoryConnection;
class MemoryListener;

struct MemoryNetworkOptions {
  int64_t latency_min_us = 100;  // one way, drawn for each packet; at least 1
  int64_t latency_max_us = 500;
  // Bytes of one direction that are on their way or unread; above it the sender's backlog grows.
  size_t window_bytes = 64 * 1024;
  // Now and then bytes that arrived together are handed on in two parts.
  bool splits_arrivals = true;
  // What one flush hands over leaves in pieces of any size, each a packet of its own.
  bool cuts_segments = false;
  // Now and then what arrives waits unseen until more has come: one on_bytes gets both.
  bool joins_arrivals = false;
  int64_t wall_at_start_ms = 1'700'000'000'000;
};

// A machine with one process on it. Its names and its address are what others connect to.
class MemoryHost final : public Network, public Clock, public Waker {
 public:
  MemoryHost(MemoryNetwork& network, std::string name, size_t number);
  ~MemoryHost() override;
  const std::string& name() const { return name_; }

  std::unique_ptr<Stream> connect(const Endpoint& to, int64_t timeout_ms,
                                  StreamHandler& handler) override;
  // Names are known at once.
  Result<std::vector<std::string>> addresses_of(const std::string& host) override;
  // Errors: kNotFound for a name that nobody has, kOther for an address of another host or a port
  // in use.
  Result<std::unique_ptr<Listener>> listen(const Endpoint& at, int backlog,
                                           AcceptFunction accept) override;
  size_t output_bytes() const override { return output_bytes_; }
  Now now() const override;
  int64_t instant_us() const override { return now().mono_us; }
  // The loop runs once more at this time.
  void wake() override { is_ready_ = true; }

  // Driven by this host's loop, in the order of adding.
  void add_worker(Worker& worker);
  void remove_worker(Worker& worker);

  // The process dies: its workers are not called any more, nor any handler; the kernel closes its
  // connections and refuses new ones. The objects of the process may be destroyed afterwards. A new
  // process may use the host at once.
  void kill();
  // The machine dies: as kill(), but nobody is told; connections to it get no answer.
  void power_off();
  // The machine is back, without a process. What it gets over former connections is answered with
  // RST.
  void power_on();
  bool is_powered() const { return is_powered_; }

  // The process stands still: its loop does not run, what comes for it waits in the kernel.
  void pause() { is_stopped_ = true; }
  void resume() { is_stopped_ = false; }
  bool is_paused() const { return is_stopped_; }
  // Of all its connections since the beginning, as the kernel took them.
  uint64_t bytes_out() const { return bytes_out_; }
  // This host's wall clock is that much ahead of the world's, or behind it.
  void set_wall_offset_ms(int64_t offset_ms) { wall_offset_ms_ = offset_ms; }
  int64_t wall_offset_ms() const { return wall_offset_ms_; }
  // From now on this host's wall clock gains so many millionths, or loses them.
  void set_wall_drift_ppm(int64_t ppm);

 private:
  friend class MemoryNetwork;
  friend class MemoryConnection;
  friend class MemoryListener;

  void become_ready(std::shared_ptr<MemoryConnection> connection, int side);
  int64_t next_deadline() const;
  int64_t wall_drift_ms() const;
  void ask_workers();
  void wake_up();
  void accept_pending();
  void flush_all();
  MemoryListener* listener_at(uint16_t port) const;
  void forget_process(bool tells_peers);

  MemoryNetwork& network_;
  const std::string name_;
  const size_t number_;
  bool is_powered_ = true;
  bool is_ready_ = false;
  bool is_stopped_ = false;
  int64_t wall_offset_ms_ = 0;
  int64_t wall_drift_ppm_ = 0;
  int64_t wall_drift_since_us_ = 0;
  int64_t workers_deadline_us_ = kNever;  // as the workers said after the last wake-up
  size_t output_bytes_ = 0;
  uint16_t next_port_ = 40'000;
  uint64_t bytes_out_ = 0;
  std::vector<Worker*> workers_;
  std::map<uint16_t, MemoryListener*> listeners_;
  // Connections by number, with the side that is this host's; for flushing and killing.
  std::map<std::pair<uint64_t, int>, std::shared_ptr<MemoryConnection>> connections_;
  std::deque<std::pair<std::shared_ptr<MemoryConnection>, int>> ready_;
};

class MemoryNetwork {
 public:
  explicit MemoryNetwork(uint64_t seed, MemoryNetworkOptions options = {});
  ~MemoryNetwork();

  // `name` must be new. Lives as long as the network.
  MemoryHost& add_host(const std::string& name);
  // A further name or an address under which the host is found. Names may move from host to host,
  // as in DNS; "localhost" and "127.0.0.1" always mean the asking host.
  void set_name(const std::string& name, MemoryHost& host);
  void remove_name(const std::string& name);

  // Something of the world that is no packet: a worker's own thread gets its turn, a fault begins.
  // Happens at this time, which has not passed, in the order of making.
  void at(int64_t time_us, std::function<void()> action);
  // Told around each wake-up of a host's loop: what runs in between is that host's doing.
  using WakeObserver = std::function<void(MemoryHost& host, bool begins)>;
  void set_wake_observer(WakeObserver observer) { wake_observer_ = std::move(observer); }
  // Told of all bytes that arrive: for timelines.
  using BytesObserver = std::function<void(const MemoryHost& from, const MemoryHost& to,
                                           uint64_t connection, std::string_view bytes)>;
  void set_bytes_observer(BytesObserver observer) { bytes_observer_ = std::move(observer); }

  // Lets everything happen up to and including this time. Workers' deadlines are asked for at its
  // beginning and after each wake-up of their host.
  void run_until(int64_t mono_us);
  void run_for_ms(int64_t ms) { run_until(now_us_ + ms_to_us(ms)); }
  int64_t now_us() const { return now_us_; }
  // How much has happened. A step is one event (a packet arrives, an action of at() is carried out)
  // or one wake-up of a host's loop; one that is under way counts.
  uint64_t steps() const { return steps_; }
  // Nothing more happens once so many steps are done: run_until() returns at the time of the last
  // one, and does nothing from then on. 0: no bound.
  void stop_after(uint64_t steps) { steps_max_ = steps; }
  bool is_stopped() const { return steps_max_ != 0 && steps_ >= steps_max_; }

  // Packets from one host to another wait until heal(), as TCP would send them again; connecting
  // times out. Both directions: cut() and heal() with the hosts exchanged as well, or the _both
  // forms.
  void cut(MemoryHost& from, MemoryHost& to);
  void heal(MemoryHost& from, MemoryHost& to);
  void cut_both(MemoryHost& a, MemoryHost& b);
  void heal_both(MemoryHost& a, MemoryHost& b);
  void heal_all();
  // Packets of this direction take that much longer, from now on.
  void set_extra_latency(MemoryHost& from, MemoryHost& to, int64_t extra_us);
  // This direction carries so many bytes a second, from now on; 0: any number. At most a quarter of
  // a second's bytes of one connection are on their way then.
  void set_bandwidth(MemoryHost& from, MemoryHost& to, uint64_t bytes_per_second);
  // All connections between the two are reset, at both ends, now.
  void reset_connections(MemoryHost& a, MemoryHost& b);

  // All connections between the two end at `end` alone: the other host knows nothing and waits,
  // until it sends something, which is answered with RST.
  void break_one_end(MemoryHost& end, MemoryHost& other);

  const MemoryNetworkOptions& options() const { return options_; }

  // Of every packet so far, with its time: equal for equal runs.
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  friend class MemoryHost;
  friend class MemoryConnection;
  using Action = std::function<void()>;

  // One direction between two hosts.
  struct Route {
    bool is_cut = false;
    int64_t extra_latency_us = 0;
    uint64_t bytes_per_second = 0;  // 0: no bound
    int64_t busy_until_us = 0;      // with what was handed over
    std::deque<Action> held;        // while it is cut
  };

  MemoryHost* find(const std::string& name, MemoryHost& asking) const;
  Route& route(const MemoryHost& from, const MemoryHost& to) {
    return routes_[from.number_ * hosts_.size() + to.number_];
  }
  int64_t draw_latency_us();
  // When the last of so many bytes has left for the other host.
  int64_t leave_us(Route& way, size_t bytes) const;
  // `action` happens at the other host at `time_us`, or when the route is whole again, unless the
  // host has no power then.
  void transmit(const MemoryHost& from, const MemoryHost& to, int64_t time_us, Action action);
  void arrive(const MemoryHost& from, const MemoryHost& to, Action action);
  int64_t next_time() const;
  void mix(uint64_t value);
  void mix_bytes(std::string_view bytes);

  const MemoryNetworkOptions options_;
  Random random_;
  int64_t now_us_ = 0;
  uint64_t steps_ = 0;
  uint64_t steps_max_ = 0;
  uint64_t next_event_ = 0;
  uint64_t next_connection_ = 0;
  uint64_t trace_hash_ = 0xcbf29ce484222325ull;
  std::vector<std::unique_ptr<MemoryHost>> hosts_;
  std::map<std::string, MemoryHost*> names_;
  struct Event {
    int64_t time_us;
    uint64_t number;  // order of making
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time_us != b.time_us ? a.time_us > b.time_us : a.number > b.number;
    }
  };
  std::vector<Event> events_;  // a heap: the next one is at the front
  std::vector<Route> routes_;
  WakeObserver wake_observer_;
  BytesObserver bytes_observer_;
};

}  // namespace zooid::env
