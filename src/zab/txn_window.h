// The newest transactions in memory, in zxid order: what a leader proposed or a learner logged
// lately. One window serves every learner (rule 24): the leader keeps a cursor per learner into it.
#pragma once

#include <deque>

#include "base/bytes.h"
#include "base/ids.h"

namespace zooid::zab {

inline constexpr size_t kTxnWindowBytesMax = 32u << 20;

struct WindowTxn {
  Zxid zxid;
  Bytes txn;
};

class TxnWindow {
 public:
  // Keeps at least the newest `count_min` transactions unless they pass `bytes_max`.
  explicit TxnWindow(size_t count_min = 500, size_t bytes_max = kTxnWindowBytesMax)
      : count_min_(count_min), bytes_max_(bytes_max) {}

  // Requires zxid greater than every one inside.
  void push(Zxid zxid, Bytes txn) {
    bytes_ += txn.size();
    txns_.push_back({zxid, std::move(txn)});
  }
  // Forgets transactions that are not needed: all beyond the bounds, but none > keep_above.
  void trim(Zxid keep_above) {
    while (!txns_.empty() && txns_.front().zxid <= keep_above &&
           (txns_.size() > count_min_ || bytes_ > bytes_max_)) {
      bytes_ -= txns_.front().txn.size();
      txns_.pop_front();
    }
  }
  // Drops everything > zxid (a log tail that was cut).
  void cut_after(Zxid zxid) {
    while (!txns_.empty() && txns_.back().zxid > zxid) {
      bytes_ -= txns_.back().txn.size();
      txns_.pop_back();
    }
  }
  void clear() {
    txns_.clear();
    bytes_ = 0;
  }
  // The first one > zxid; end() if none.
  std::deque<WindowTxn>::const_iterator above(Zxid zxid) const {
    size_t low = 0, high = txns_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (txns_[middle].zxid <= zxid) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return txns_.begin() + static_cast<std::ptrdiff_t>(low);
  }
  const std::deque<WindowTxn>& txns() const { return txns_; }
  size_t bytes() const { return bytes_; }

 private:
  size_t count_min_;
  size_t bytes_max_;
  size_t bytes_ = 0;
  std::deque<WindowTxn> txns_;
};

}  // namespace zooid::zab
