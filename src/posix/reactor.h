// What a loop keeps about descriptors: which are ready, which have output to flush, which wait for
// a deadline, and which are finished and may be deleted. EventLoop drives it; connections and
// listeners register with it. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace zooid::posix {

class Reactor;

// A descriptor's owner. The reactor owns it from adopt() until it is retired.
class Source {
 public:
  explicit Source(Reactor& reactor) : reactor_(reactor) {}
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // What epoll reported. Only notes it (mark_ready): nobody is called back from here.
  virtual void on_events(uint32_t events) = 0;
  // Once per wake-up after mark_ready().
  virtual void on_ready() {}
  // Once per flush after mark_dirty().
  virtual void on_flush() {}
  // The time given to set_deadline() has come.
  virtual void on_deadline() {}

 protected:
  Reactor& reactor_;

 private:
  friend class Reactor;
  size_t index_ = 0;  // in Reactor::sources_
  int64_t deadline_us_ = kNever;
  bool ready_ = false;
  bool dirty_ = false;
  bool retired_ = false;
};

class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  template <class T>
  T& adopt(std::unique_ptr<T> source) {
    T& adopted = *source;
    add_source(std::move(source));
    return adopted;
  }
  // Edge-triggered and for good: the interest set is not touched again. False: errno tells why.
  bool watch(int fd, Source& source, uint32_t events);
  void mark_ready(Source& source);
  void mark_dirty(Source& source);
  void set_deadline(Source& source, int64_t deadline_us);
  // Deleted at the end of the wake-up; nothing is called on it any more. Its descriptor must be
  // closed already.
  void retire(Source& source);

  // Waits for events, at most until `timeout_us` from now (0: only looks), and notes them.
  void wait(int64_t timeout_us);
  void run_deadlines(int64_t now_us);
  void run_ready();
  // Returns whether there was anything to flush.
  bool flush();
  void bury_retired();

  bool has_ready() const { return !ready_.empty(); }
  bool has_dirty() const { return !dirty_.empty(); }
  int64_t next_deadline() const { return deadlines_.empty() ? kNever : deadlines_.begin()->first; }
  int64_t now_us() const { return now_us_; }
  void set_now(int64_t now_us) { now_us_ = now_us; }

  // Shared by all reads: valid until the next read.
  std::span<char> read_buffer() { return read_buffer_; }
  // Output buffers go round, so that a busy stream allocates nothing and an idle one owns nothing.
  std::string take_buffer();
  void give_buffer(std::string buffer);

  // Closed streams that still have output to send.
  int closing_streams = 0;
  // Sum over all connections, each as of its last flush or count_backlog().
  size_t output_bytes = 0;

 private:
  void add_source(std::unique_ptr<Source> source);

  int epoll_ = -1;
  bool has_fine_timeouts_ = true;  // epoll_pwait2 exists
  int64_t now_us_ = 0;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Source*> ready_;
  std::vector<Source*> dirty_;
  std::vector<Source*> retired_;
  std::vector<Source*> running_;  // kept for its capacity
  std::set<std::pair<int64_t, Source*>> deadlines_;
  std::vector<char> read_buffer_;
  std::vector<std::string> buffers_;
};

}  // namespace zooid::posix
