#include "state/txn_size.h"

#include <variant>

namespace zooid::state {
namespace {

constexpr size_t kI32 = 4, kI64 = 8, kBool = 1, kHeader = 32, kDigest = 12;

size_t bytes_of(const std::string& text) {
  return kI32 + text.size();
}
size_t bytes_of(const wire::NullableBytes& data) {
  return kI32 + (data ? data->size() : 0);
}
size_t bytes_of(const wire::AclList& acl) {
  size_t sum = kI32;
  for (const wire::Acl& entry : acl)
    sum += kI32 + bytes_of(entry.id.scheme) + bytes_of(entry.id.id);
  return sum;
}

// Create kinds differ by a few bytes; the largest counts.
size_t bytes_of(const wire::CreateTxn& txn) {
  return bytes_of(txn.path) + bytes_of(txn.data) + bytes_of(txn.acl) + kBool + kI32 + kI64;
}
size_t bytes_of(const wire::ErrorTxn&) {
  return kI32;
}
size_t bytes_of(const wire::CreateSessionTxn&) {
  return kI32;
}
size_t bytes_of(const wire::CloseSessionTxn& txn) {
  size_t sum = kI32;
  for (const std::string& path : txn.paths_to_delete) sum += bytes_of(path);
  return sum;
}
size_t bytes_of(const wire::DeleteTxn& txn) {
  return bytes_of(txn.path);
}
size_t bytes_of(const wire::SetDataTxn& txn) {
  return bytes_of(txn.path) + bytes_of(txn.data) + kI32;
}
size_t bytes_of(const wire::SetAclTxn& txn) {
  return bytes_of(txn.path) + bytes_of(txn.acl) + kI32;
}
size_t bytes_of(const wire::CheckTxn& txn) {
  return bytes_of(txn.path) + kI32;
}

size_t bytes_of(const wire::TxnBody& body);
size_t bytes_of(const wire::MultiTxn& txn) {
  size_t sum = kI32;
  for (const wire::SubTxn& sub : txn.txns) sum += 2 * kI32 + bytes_of(sub.body);
  return sum;
}
size_t bytes_of(const wire::TxnBody& body) {
  return std::visit([](const auto& record) { return bytes_of(record); }, body);
}

}  // namespace

size_t txn_bytes(const wire::Txn& txn) {
  return kHeader + bytes_of(txn.body) + kDigest;
}

}  // namespace zooid::state
