// `zooid log`: shows, repairs and cuts one transaction log file (storage-formats 2), as ZooKeeper's
// TxnLogToolkit does. No server may be writing the file. Blocks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "wire/txn.h"

namespace zooid::cli {

// Text for standard output, as it comes.
using Print = std::function<void(std::string_view)>;

// One line without its end: "<date> session 0x.. cxid 0x.. zxid 0x.. <op> <record>", the date in
// local time. The record as Java prints it, except that a list of ACLs has no line break in it and
// a multi shows its operations as text.
std::string txn_line(const wire::Txn& txn);

// All transactions, then "EOF reached after N txns.". An entry with a wrong checksum is shown
// behind "CRC ERROR - " and counted in `bad`.
Result<> dump_log(env::FileSystem& files, const std::string& path, const Print& print, size_t& bad);

struct LogRepair {
  bool is_verbose = false;  // all transactions are shown, not only those with a wrong checksum
  // Asked about each entry with a wrong checksum: is it to get a right one? nullopt: give up.
  std::function<std::optional<bool>()> ask;
};
// Writes <path>.fixed with right checksums. Fails if it exists.
Result<> repair_log(env::FileSystem& files, const std::string& path, const LogRepair& repair,
                    const Print& print);

// Writes <path>.chopped<zxid, decimal> with the transactions up to `last`. Fails if that one is not
// in the file, or an entry before it is damaged.
Result<> chop_log(env::FileSystem& files, const std::string& path, Zxid last, const Print& print);

}  // namespace zooid::cli
