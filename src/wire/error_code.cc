#include "wire/error_code.h"

#include <cstddef>

namespace zooid::wire {

namespace {

template <class Code>
struct Named {
  Code code;
  const char* name;
};

constexpr Named<ErrorCode> kErrorNames[] = {
    {ErrorCode::kOk, "OK"},
    {ErrorCode::kSystemError, "SYSTEMERROR"},
    {ErrorCode::kRuntimeInconsistency, "RUNTIMEINCONSISTENCY"},
    {ErrorCode::kDataInconsistency, "DATAINCONSISTENCY"},
    {ErrorCode::kConnectionLoss, "CONNECTIONLOSS"},
    {ErrorCode::kMarshallingError, "MARSHALLINGERROR"},
    {ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
    {ErrorCode::kOperationTimeout, "OPERATIONTIMEOUT"},
    {ErrorCode::kBadArguments, "BADARGUMENTS"},
    {ErrorCode::kUnknownSession, "UNKNOWNSESSION"},
    {ErrorCode::kNewConfigNoQuorum, "NEWCONFIGNOQUORUM"},
    {ErrorCode::kReconfigInProgress, "RECONFIGINPROGRESS"},
    {ErrorCode::kNoNode, "NONODE"},
    {ErrorCode::kNoAuth, "NOAUTH"},
    {ErrorCode::kBadVersion, "BADVERSION"},
    {ErrorCode::kNoChildrenForEphemerals, "NOCHILDRENFOREPHEMERALS"},
    {ErrorCode::kNodeExists, "NODEEXISTS"},
    {ErrorCode::kNotEmpty, "NOTEMPTY"},
    {ErrorCode::kSessionExpired, "SESSIONEXPIRED"},
    {ErrorCode::kInvalidAcl, "INVALIDACL"},
    {ErrorCode::kAuthFailed, "AUTHFAILED"},
    {ErrorCode::kSessionMoved, "SESSIONMOVED"},
    {ErrorCode::kNotReadOnly, "NOTREADONLY"},
    {ErrorCode::kEphemeralOnLocalSession, "EPHEMERALONLOCALSESSION"},
    {ErrorCode::kNoWatcher, "NOWATCHER"},
    {ErrorCode::kReconfigDisabled, "RECONFIGDISABLED"},
    {ErrorCode::kSessionClosedRequireSaslAuth, "SESSIONCLOSEDREQUIRESASLAUTH"},
    {ErrorCode::kQuotaExceeded, "QUOTAEXCEEDED"},
    {ErrorCode::kThrottledOp, "THROTTLEDOP"},
};

constexpr Named<OpCode> kOpNames[] = {
    {OpCode::kNotification, "notification"},
    {OpCode::kCreate, "create"},
    {OpCode::kDelete, "delete"},
    {OpCode::kExists, "exists"},
    {OpCode::kGetData, "getData"},
    {OpCode::kSetData, "setData"},
    {OpCode::kGetAcl, "getACL"},
    {OpCode::kSetAcl, "setACL"},
    {OpCode::kGetChildren, "getChildren"},
    {OpCode::kSync, "sync"},
    {OpCode::kPing, "ping"},
    {OpCode::kGetChildren2, "getChildren2"},
    {OpCode::kCheck, "check"},
    {OpCode::kMulti, "multi"},
    {OpCode::kCreate2, "create2"},
    {OpCode::kReconfig, "reconfig"},
    {OpCode::kCheckWatches, "checkWatches"},
    {OpCode::kRemoveWatches, "removeWatches"},
    {OpCode::kCreateContainer, "createContainer"},
    {OpCode::kDeleteContainer, "deleteContainer"},
    {OpCode::kCreateTtl, "createTTL"},
    {OpCode::kMultiRead, "multiRead"},
    {OpCode::kAuth, "auth"},
    {OpCode::kSetWatches, "setWatches"},
    {OpCode::kSasl, "sasl"},
    {OpCode::kGetEphemerals, "getEphemerals"},
    {OpCode::kGetAllChildrenNumber, "getAllChildrenNumber"},
    {OpCode::kSetWatches2, "setWatches2"},
    {OpCode::kAddWatch, "addWatch"},
    {OpCode::kWhoAmI, "whoAmI"},
    {OpCode::kCreateSession, "createSession"},
    {OpCode::kCloseSession, "closeSession"},
    {OpCode::kError, "error"},
};

template <class Code, size_t kCount>
const char* name_of(const Named<Code> (&names)[kCount], Code code, const char* otherwise) {
  for (const Named<Code>& named : names) {
    if (named.code == code) return named.name;
  }
  return otherwise;
}

}  // namespace

const char* error_name(ErrorCode code) {
  return name_of(kErrorNames, code, "UNKNOWN");
}

const char* op_name(OpCode op) {
  return name_of(kOpNames, op, "unknown");
}

}  // namespace zooid::wire
