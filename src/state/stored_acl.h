// An ACL as the state keeps it: immutable, shared, and able to say quickly what it gives to whom,
// however many entries it has. Many threads may ask at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "wire/records.h"

namespace zooid::state {

class StoredAcl {
 public:
  // Any list is one.
  StoredAcl(wire::AclList list);  // NOLINT(google-explicit-constructor)
  ~StoredAcl();
  StoredAcl(const StoredAcl&) = delete;
  StoredAcl& operator=(const StoredAcl&) = delete;

  const wire::AclList& list() const { return list_; }

  // The permissions of all entries together that are world:anyone; that name exactly this id; that
  // are `ip` and whose network the numeric address belongs to.
  int32_t perms_of_anyone() const { return perms_of_anyone_; }
  int32_t perms_of(std::string_view scheme, std::string_view id) const;
  int32_t perms_of_address(std::string_view address) const;

 private:
  // Of a list longer than this, made when it is first asked.
  static constexpr size_t kShortMax = 8;
  struct Index;
  const Index& index() const;

  const wire::AclList list_;
  int32_t perms_of_anyone_ = 0;
  mutable std::once_flag indexed_;
  mutable std::unique_ptr<const Index> index_;
};

using AclPtr = std::shared_ptr<const StoredAcl>;

}  // namespace zooid::state
