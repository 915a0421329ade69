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

// Much data below /bulk: so many nodes, made `batch` at a time.
struct Bulk {
  uint64_t nodes = 0;  // 0: there is none
  uint64_t bytes_each = 0;
  uint64_t batch = 1;
  uint64_t bytes() const { return nodes * bytes_each; }
  bool operator==(const Bulk&) const = default;
};

class RequestSource {
 public:
  // `random` is the client's own and outlives this; each draw takes from it.
  RequestSource(Random& random, int client, uint64_t keys, OperationSet operations, Bulk bulk)
      : random_(random), client_(client), keys_(keys), operations_(operations), bulk_(bulk) {}

  Asked draw();
  // For a client that loads much data: what makes it, then what reads and changes it.
  Asked draw_bulk();
  bool is_loaded() const { return loaded_ >= bulk_.nodes; }
  // One that changes nothing.
  Asked draw_read();

 private:
  Asked draw_load();
  std::string bulk_path(uint64_t node) const;
  Asked draw_basic();
  Asked draw_write();
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
  const Bulk bulk_;
  bool has_bulk_root_ = false;
  uint64_t loaded_ = 0;
  uint64_t next_data_ = 0;
};

}  // namespace zooid::sim
