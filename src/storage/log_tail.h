// What lies behind the last good entry of a log file: padding, the rest of a torn batch, or damage
// (rule 8).
#pragma once

#include "storage/log_file.h"

namespace zooid::storage {

struct LogTail {
  enum class Kind {
    kPadding,  // nothing but zeros, or nothing at all
    kTorn,     // what one unfinished batch can leave: nothing of it was acknowledged
    kDamaged,  // entries behind it were written later, so what is bad here had been synced
  };
  Kind kind = Kind::kPadding;
  uint64_t whole_entries = 0;   // kTorn: entries behind the bad one that look whole
  uint64_t witness_offset = 0;  // kDamaged: of an entry that proves it, or of the last content
};

// Looks at `file` from `offset` on, where there is no good entry. `last` is the zxid of the entry
// before it: what looks like an entry with a lower one is content of some transaction.
Result<LogTail> examine_log_tail(env::File& file, uint64_t offset, Zxid last);

}  // namespace zooid::storage
