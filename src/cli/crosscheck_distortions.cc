// What the self-test changes: thirty and some ways to be not quite a ZooKeeper.
#include "cli/crosscheck_distortion.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr size_t kHeaderBytes = 16;
constexpr size_t kStatBytes = 68;
constexpr size_t kZxidAt = 4, kErrAt = 12;

bool is(const FrameOrigin& origin, OpCode type) {
  return origin.type == static_cast<int32_t>(type) && origin.err == 0;
}

bool is_reply(const FrameOrigin& origin) {
  return origin.type != FrameOrigin::kEvent && origin.type != FrameOrigin::kHandshake;
}

bool ends_with_stat(const FrameOrigin& origin) {
  for (const OpCode type :
       {OpCode::kExists, OpCode::kGetData, OpCode::kGetChildren2, OpCode::kGetAcl, OpCode::kSetData,
        OpCode::kSetAcl, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl}) {
    if (is(origin, type)) return true;
  }
  return false;
}

// The last byte of a big-endian number: a small change, as mistakes make them.
bool add_one(std::string& frame, size_t last_byte) {
  if (last_byte >= frame.size()) return false;
  frame[last_byte] = static_cast<char>(frame[last_byte] + 1);
  return true;
}

template <size_t Offset, size_t Width>
bool edit_stat(std::string& frame, const FrameOrigin& origin) {
  if (!ends_with_stat(origin) || frame.size() < kHeaderBytes + kStatBytes) return false;
  return add_one(frame, frame.size() - kStatBytes + Offset + Width - 1);
}

bool edit_zxid(std::string& frame, const FrameOrigin& origin) {
  return is_reply(origin) && origin.err == 0 && add_one(frame, kZxidAt + 7);
}
bool edit_zxid_of_error(std::string& frame, const FrameOrigin& origin) {
  return is_reply(origin) && origin.err != 0 && add_one(frame, kZxidAt + 7);
}
bool edit_xid(std::string& frame, const FrameOrigin& origin) {
  return is_reply(origin) && add_one(frame, 3);
}
bool edit_error(std::string& frame, const FrameOrigin& origin) {
  return is_reply(origin) && origin.err < -100 && add_one(frame, kErrAt + 3);
}
bool edit_error_away(std::string& frame, const FrameOrigin& origin) {
  if (!is_reply(origin) || origin.err == 0) return false;
  frame.replace(kErrAt, 4, 4, '\0');
  return true;
}
bool edit_success_away(std::string& frame, const FrameOrigin& origin) {
  if (!is_reply(origin) || origin.err != 0 || frame.size() == kHeaderBytes) return false;
  frame.resize(kHeaderBytes);
  wire::Writer err(frame.erase(kErrAt));
  err.i32(static_cast<int32_t>(wire::ErrorCode::kNoAuth));
  return true;
}
bool edit_event_type(std::string& frame, const FrameOrigin& origin) {
  if (origin.type != FrameOrigin::kEvent) return false;
  char& type = frame[kHeaderBytes + 3];
  type = static_cast<char>(type == 3 ? 1 : 3);
  return true;
}
bool edit_event_state(std::string& frame, const FrameOrigin& origin) {
  return origin.type == FrameOrigin::kEvent && add_one(frame, kHeaderBytes + 7);
}
bool edit_event_path(std::string& frame, const FrameOrigin& origin) {
  return origin.type == FrameOrigin::kEvent && add_one(frame, frame.size() - 1);
}
bool edit_event_err(std::string& frame, const FrameOrigin& origin) {
  return origin.type == FrameOrigin::kEvent && add_one(frame, kErrAt + 3);
}
bool edit_data(std::string& frame, const FrameOrigin& origin) {
  constexpr size_t kDataAt = kHeaderBytes + 4;
  if (!is(origin, OpCode::kGetData) || frame.size() <= kDataAt + kStatBytes) return false;
  return add_one(frame, kDataAt);
}
bool edit_null_data(std::string& frame, const FrameOrigin& origin) {
  if (!is(origin, OpCode::kGetData) || frame.size() != kHeaderBytes + 4 + kStatBytes) return false;
  const bool is_null = frame[kHeaderBytes] != 0;
  frame.replace(kHeaderBytes, 4, 4, is_null ? '\0' : '\xff');
  return true;
}
bool edit_child(std::string& frame, const FrameOrigin& origin) {
  constexpr size_t kNameAt = kHeaderBytes + 8;
  const bool lists = is(origin, OpCode::kGetChildren) || is(origin, OpCode::kGetChildren2);
  return lists && frame[kHeaderBytes + 3] > 0 && add_one(frame, kNameAt);
}
bool edit_list_to_empty(std::string& frame, const FrameOrigin& origin) {
  if (!is(origin, OpCode::kGetChildren) || frame.size() <= kHeaderBytes + 4) return false;
  frame.resize(kHeaderBytes + 4);
  frame.replace(kHeaderBytes, 4, 4, '\0');
  return true;
}
bool edit_acl_perms(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kGetAcl) && frame.size() > kHeaderBytes + 8 + kStatBytes &&
         add_one(frame, kHeaderBytes + 7);
}
bool edit_acl_id(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kGetAcl) && frame.size() > kHeaderBytes + 20 + kStatBytes &&
         add_one(frame, frame.size() - kStatBytes - 1);
}
bool edit_created_path(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kCreate) && frame.size() > kHeaderBytes + 4 &&
         add_one(frame, frame.size() - 1);
}
bool edit_sync_path(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kSync) && frame.size() > kHeaderBytes + 4 &&
         add_one(frame, frame.size() - 1);
}
bool edit_number(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kGetAllChildrenNumber) && add_one(frame, kHeaderBytes + 3);
}
bool edit_identity(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kWhoAmI) && add_one(frame, frame.size() - 1);
}
bool edit_ephemeral(std::string& frame, const FrameOrigin& origin) {
  return is(origin, OpCode::kGetEphemerals) && frame.size() > kHeaderBytes + 4 &&
         add_one(frame, frame.size() - 1);
}
bool edit_multi_result(std::string& frame, const FrameOrigin& origin) {
  constexpr size_t kEndBytes = 9;
  return is(origin, OpCode::kMulti) && frame.size() > kHeaderBytes + kEndBytes &&
         add_one(frame, kHeaderBytes + 8);
}
bool edit_multi_end(std::string& frame, const FrameOrigin& origin) {
  if (!is(origin, OpCode::kMulti)) return false;
  frame.pop_back();
  return true;
}
bool edit_surplus(std::string& frame, const FrameOrigin& origin) {
  if (!is_reply(origin) || origin.err != 0) return false;
  frame += '\0';
  return true;
}
bool edit_time_out(std::string& frame, const FrameOrigin& origin) {
  return origin.type == FrameOrigin::kHandshake && add_one(frame, 7);
}
bool edit_password(std::string& frame, const FrameOrigin& origin) {
  return origin.type == FrameOrigin::kHandshake && add_one(frame, 20);
}
bool edit_read_only(std::string& frame, const FrameOrigin& origin) {
  if (origin.type != FrameOrigin::kHandshake || frame.size() != 37) return false;
  frame.pop_back();
  return true;
}

using Kind = DistortionKind;
constexpr Distortion kDistortions[] = {
    {"stat czxid", Kind::kEdit, edit_stat<0, 8>},
    {"stat mzxid", Kind::kEdit, edit_stat<8, 8>},
    {"stat ctime", Kind::kEdit, edit_stat<16, 8>},
    {"stat mtime", Kind::kEdit, edit_stat<24, 8>},
    {"stat version", Kind::kEdit, edit_stat<32, 4>},
    {"stat cversion", Kind::kEdit, edit_stat<36, 4>},
    {"stat aversion", Kind::kEdit, edit_stat<40, 4>},
    {"stat ephemeralOwner", Kind::kEdit, edit_stat<44, 8>},
    {"stat dataLength", Kind::kEdit, edit_stat<52, 4>},
    {"stat numChildren", Kind::kEdit, edit_stat<56, 4>},
    {"stat pzxid", Kind::kEdit, edit_stat<60, 8>},
    {"zxid of a reply", Kind::kEdit, edit_zxid},
    {"zxid of an error", Kind::kEdit, edit_zxid_of_error},
    {"xid of a reply", Kind::kEdit, edit_xid},
    {"another error code", Kind::kEdit, edit_error},
    {"success instead of an error", Kind::kEdit, edit_error_away},
    {"an error instead of success", Kind::kEdit, edit_success_away},
    {"type of an event", Kind::kEdit, edit_event_type},
    {"state of an event", Kind::kEdit, edit_event_state},
    {"path of an event", Kind::kEdit, edit_event_path},
    {"error of an event", Kind::kEdit, edit_event_err},
    {"a missing event", Kind::kDropEvent, nullptr},
    {"an event twice", Kind::kDoubleEvent, nullptr},
    {"an event behind the reply", Kind::kEventBehindReply, nullptr},
    {"the order of two events", Kind::kSwapEvents, nullptr},
    {"the order of two replies", Kind::kSwapReplies, nullptr},
    {"a missing reply", Kind::kDropReply, nullptr},
    {"a closed connection", Kind::kCloseBehindReply, nullptr},
    {"a byte of data", Kind::kEdit, edit_data},
    {"null for empty data", Kind::kEdit, edit_null_data},
    {"the name of a child", Kind::kEdit, edit_child},
    {"no children", Kind::kEdit, edit_list_to_empty},
    {"permissions of an ACL", Kind::kEdit, edit_acl_perms},
    {"id of an ACL", Kind::kEdit, edit_acl_id},
    {"the path created", Kind::kEdit, edit_created_path},
    {"the path of a sync", Kind::kEdit, edit_sync_path},
    {"the number of descendants", Kind::kEdit, edit_number},
    {"an identity", Kind::kEdit, edit_identity},
    {"the path of an ephemeral", Kind::kEdit, edit_ephemeral},
    {"a result of a multi", Kind::kEdit, edit_multi_result},
    {"the end of a multi", Kind::kEdit, edit_multi_end},
    {"a byte too many", Kind::kEdit, edit_surplus},
    {"the negotiated time-out", Kind::kEdit, edit_time_out},
    {"the password", Kind::kEdit, edit_password},
    {"the read-only byte", Kind::kEdit, edit_read_only},
};

}  // namespace

std::span<const Distortion> distortions() {
  return kDistortions;
}

}  // namespace zooid::cli
