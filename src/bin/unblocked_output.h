// Output of a loop that must not wait: what a full pipe or a stopped terminal does not take at once
// is kept, up to a bound, and tried again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zooid::bin {

class UnblockedOutput {
 public:
  // Writes to `fd`, which is borrowed.
  explicit UnblockedOutput(int fd) : fd_(fd) {}
  // Drops the whole text if too much waits already.
  void write(std::string_view text);
  // What is taken without waiting.
  void flush();
  // Waits until all is taken.
  void finish();
  uint64_t dropped() const { return dropped_; }

 private:
  bool write_some();

  int fd_;
  std::string waiting_;
  uint64_t dropped_ = 0;
};

}  // namespace zooid::bin
