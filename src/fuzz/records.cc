#include "wire/records.h"

#include "fuzz/targets.h"
#include "wire/request.h"
#include "wire/txn.h"

namespace zooid::fuzz {

void records(std::string_view bytes) {
  if (bytes.empty()) return;
  const int which = static_cast<unsigned char>(bytes[0]);
  wire::Reader in(bytes.substr(1));
  const auto read = [&in]<class Value>(bool (*function)(wire::Reader&, Value&)) {
    Value value;
    (void)function(in, value);
  };
  using wire::OpCode;
  switch (which % 14) {
    case 0:
      (void)wire::read_txn(bytes.substr(1));
      break;
    case 1: {
      wire::ConnectRequest request;
      wire::read(in, request);
      break;
    }
    case 2:
      return read(wire::read_path);
    case 3:
      return read(wire::read_path_watch);
    case 4:
      return read(wire::read_path_version);
    case 5:
      return read(wire::read_path_mode);
    case 6:
    case 7: {
      wire::CreateRequest request;
      (void)wire::read_create(in, which % 14 == 6 ? OpCode::kCreate : OpCode::kCreateTtl, request);
      break;
    }
    case 8:
      return read(wire::read_set_data);
    case 9:
      return read(wire::read_set_acl);
    case 10:
      return read(wire::read_auth);
    case 11: {
      wire::SetWatchesRequest request;
      (void)wire::read_set_watches(in, OpCode::kSetWatches2, request);
      break;
    }
    case 12:
      return read(wire::read_reconfig);
    default: {
      std::vector<wire::SubRequest> parts;
      (void)wire::read_multi(in, which % 2 == 0, parts);
    }
  }
}

}  // namespace zooid::fuzz
