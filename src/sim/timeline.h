// The story of a run: what the servers logged, faults, and (if asked for) every message, with its
// time. Only the newest entries are kept.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace zooid::sim {

class Timeline {
 public:
  struct Entry {
    int64_t time_us;
    std::string from;
    std::string to;  // of a message; empty: something that happened at `from`
    std::string text;
  };

  explicit Timeline(std::function<int64_t()> now_us) : now_us_(std::move(now_us)) {}

  void note(std::string_view at, std::string text) { add(at, "", std::move(text)); }
  void message(std::string_view from, std::string_view to, std::string text) {
    add(from, to, std::move(text));
  }
  void set_running(std::string_view host) { running_ = host; }
  const std::string& running() const { return running_; }

  // The entries of the last `span_us` before `end_us`, one a line.
  std::string text(int64_t end_us, int64_t span_us) const;
  // The same as a Mermaid sequence diagram.
  std::string diagram(int64_t end_us, int64_t span_us) const;

 private:
  void add(std::string_view from, std::string_view to, std::string text);

  std::function<int64_t()> now_us_;
  std::string running_ = "world";
  std::deque<Entry> entries_;
};

}  // namespace zooid::sim
