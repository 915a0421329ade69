// How long a transaction is once serialised, without doing it: exact or a few bytes more.
#pragma once

#include <cstddef>

#include "wire/txn.h"

namespace zooid::state {

size_t txn_bytes(const wire::Txn& txn);

}  // namespace zooid::state
