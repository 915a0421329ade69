// What a client of the simulated ensemble asks for: drawn by chance among a few paths, so that
// clients meet.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/options.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::sim {

// addWatch modes and the type of removeWatches that means every watch (client-protocol 6).
inline constexpr int32_t kWatchPersistent = 0, kWatchRecursive = 1, kRemoveAnyWatch = 3;

// One request, before it is given to the client machine. The members are those of Operation.
struct Asked {
  wire::OpCode type = wire::OpCode::kError;
  std::string path;
  std::string body;
  std::string data;
  int32_t version = -1;
  int32_t flags = 0;
  bool watch = false;
  wire::AclList acl;
  std::vector<std::pair<wire::OpCode, std::string>> reads;
};

class RequestSource {
 public:
  // `random` is the client's own and outlives this; each draw takes from it.
  RequestSource(Random& random, int client, uint64_t keys, OperationSet operations)
      : random_(random), client_(client), keys_(keys), operations_(operations) {}

  Asked draw();

 private:
  Asked draw_basic();
  Asked draw_write();
  Asked draw_read();
  Asked draw_multi();
  // Everything that is not in OperationSet::kBasic.
  Asked draw_rare();
  Asked draw_set_acl(std::string path);
  Asked draw_multi_read();
  Asked create(wire::OpCode type, std::string path, int32_t flags, int64_t ttl_ms = 0);
  Asked by_path(wire::OpCode type, std::string path);
  std::string draw_path();
  std::string draw_data();

  Random& random_;
  const int client_;
  const uint64_t keys_;
  const OperationSet operations_;
  uint64_t next_data_ = 0;
};

}  // namespace zooid::sim
