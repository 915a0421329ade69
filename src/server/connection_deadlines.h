// Deadlines of connections in buckets of 250 ms. A connection has one entry; activity does not move
// it: when its bucket is due the connection says whether it is done for or until when to wait. So a
// request costs nothing here. Owned by a shard, used on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/time.h"
#include "server/messages.h"

namespace zooid::server {

class ConnectionDeadlines {
 public:
  void add(ConnectionId connection, int64_t deadline_us) {
    const int64_t bucket = (deadline_us / kBucketUs + 1) * kBucketUs;
    buckets_[bucket].push_back(connection);
  }
  // Moves every connection whose bucket has passed to the end of `due`.
  void take_due(int64_t now_us, std::vector<ConnectionId>& due) {
    while (!buckets_.empty() && buckets_.begin()->first <= now_us) {
      const std::vector<ConnectionId>& bucket = buckets_.begin()->second;
      due.insert(due.end(), bucket.begin(), bucket.end());
      buckets_.erase(buckets_.begin());
    }
  }
  int64_t next() const { return buckets_.empty() ? kNever : buckets_.begin()->first; }

 private:
  static constexpr int64_t kBucketUs = 250'000;
  std::map<int64_t, std::vector<ConnectionId>> buckets_;
};

}  // namespace zooid::server
