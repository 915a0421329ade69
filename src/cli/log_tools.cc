#include "cli/log_tools.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <ctime>

#include "storage/log_file.h"
#include "wire/jute.h"

namespace zooid::cli {
namespace {

constexpr uint64_t kPieceBytes = 1u << 20;  // written at once

struct TextOfBody {
  wire::OpCode type;

  std::string operator()(const wire::ErrorTxn& txn) const {
    return fmt::format("{}", static_cast<int32_t>(txn.err));
  }
  std::string operator()(const wire::CreateSessionTxn& txn) const {
    return fmt::format("{}", txn.timeout_ms);
  }
  std::string operator()(const wire::CloseSessionTxn& txn) const {
    if (!txn.has_paths) return "";
    std::string paths;
    for (const std::string& path : txn.paths_to_delete) {
      if (!paths.empty()) paths += ',';
      paths += "'" + path;
    }
    return "v{" + paths + "}";
  }
  std::string operator()(const wire::CreateTxn& txn) const {
    std::string acls;
    for (const wire::Acl& acl : txn.acl) {
      if (!acls.empty()) acls += ", ";
      acls += fmt::format("{},s{{'{},'{}}}", acl.perms, acl.id.scheme, acl.id.id);
    }
    std::string text = fmt::format("{},{},[{}]", txn.path, txn.data.value_or(""), acls);
    const bool has_flag = type == wire::OpCode::kCreate || type == wire::OpCode::kCreate2;
    if (has_flag) text += txn.ephemeral ? ",true" : ",false";
    text += fmt::format(",{}", txn.parent_cversion);
    if (type == wire::OpCode::kCreateTtl) text += fmt::format(",{}", txn.ttl_ms);
    return text;
  }
  std::string operator()(const wire::DeleteTxn& txn) const { return "'" + txn.path; }
  std::string operator()(const wire::SetDataTxn& txn) const {
    return fmt::format("{},{},{}", txn.path, txn.data.value_or(""), txn.version);
  }
  std::string operator()(const wire::SetAclTxn& txn) const {
    std::string acls;
    for (const wire::Acl& acl : txn.acl) {
      if (!acls.empty()) acls += ',';
      acls += fmt::format("s{{{},s{{'{},'{}}}}}", acl.perms, acl.id.scheme, acl.id.id);
    }
    return fmt::format("'{},v{{{}}},{}", txn.path, acls, txn.version);
  }
  std::string operator()(const wire::CheckTxn& txn) const {
    return fmt::format("{},{}", txn.path, txn.version);
  }
  std::string operator()(const wire::MultiTxn& txn) const {
    std::string text;
    for (const wire::SubTxn& sub : txn.txns) {
      if (!text.empty()) text += ';';
      text +=
          fmt::format("{}:{}", wire::op_name(sub.type), std::visit(TextOfBody{sub.type}, sub.body));
    }
    return text;
  }
};

// As Java's DateFormat with a short date and a long time.
std::string short_date(int64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%-m/%-d/%y, %-I:%M:%S %p %Z", &parts);
  return {text, size};
}

std::string line_of(std::string_view bytes) {
  const auto txn = wire::read_txn(bytes, INT32_MAX);
  if (txn) return txn_line(*txn);
  const auto header = wire::read_txn_header(bytes);
  if (!header) return fmt::format("{} bytes that are no transaction", bytes.size());
  return fmt::format("session 0x{:x} zxid 0x{:x}: a record that cannot be read",
                     static_cast<uint64_t>(header->session.value),
                     static_cast<uint64_t>(header->zxid.value));
}

// The entries of a file one after the other, those with a wrong checksum included.
class Entries {
 public:
  static Result<Entries> open(env::FileSystem& files, const std::string& path) {
    TRY_VALUE(file, files.open(path, env::OpenMode::kRead));
    TRY_VALUE(file_size, files.file_size(path));
    Entries entries(std::move(file), path, file_size);
    std::string header(storage::kLogHeaderBytes, '\0');
    TRY_VALUE(size, entries.file_->read_at(0, header));
    if (size != header.size() || !header.starts_with("ZKLG")) {
      return fail(Error::Kind::kCorrupt, "Invalid magic number for " + path);
    }
    wire::Reader in(std::string_view(header).substr(4));
    entries.version = in.i32();
    entries.dbid = in.i64();
    return entries;
  }

  // False at the end of the file, or where zeros begin.
  Result<bool> next() {
    std::string front(storage::kLogEntryFrontBytes, '\0');
    TRY_VALUE(front_size, file_->read_at(position_, front));
    if (front_size != front.size()) return false;
    wire::Reader in(front);
    const int64_t stored_checksum = in.i64();
    const auto length = static_cast<uint32_t>(in.i32());
    if (length == 0) return false;
    // A damaged length may say anything up to 4 GiB: nothing is made for what is not there.
    if (position_ + front.size() + length >= size_) return damaged("Last transaction was partial.");
    txn.resize(length);
    TRY_VALUE(txn_size, file_->read_at(position_ + front.size(), txn));
    std::string mark(1, '\0');
    TRY_VALUE(mark_size, file_->read_at(position_ + front.size() + length, mark));
    if (txn_size != length || mark_size != 1 || mark[0] != storage::kLogEntryEndMark) {
      return damaged("Last transaction was partial.");
    }
    is_right = stored_checksum == int64_t{libdeflate_adler32(1, txn.data(), txn.size())};
    checksum = front.substr(0, 8);
    position_ += front.size() + length + 1;
    return true;
  }

  int32_t version = 0;
  int64_t dbid = 0;
  std::string txn;       // of the entry given last
  std::string checksum;  // of it, as it stands in the file
  bool is_right = false;

 private:
  Entries(std::unique_ptr<env::File> file, std::string path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}
  std::unexpected<Error> damaged(std::string_view what) const {
    return fail(Error::Kind::kCorrupt, fmt::format("{}: offset {}: {}", path_, position_, what));
  }

  std::unique_ptr<env::File> file_;
  std::string path_;
  uint64_t size_;
  uint64_t position_ = storage::kLogHeaderBytes;
};

// A new log file.
class Output {
 public:
  static Result<Output> create(env::FileSystem& files, const std::string& path) {
    if (files.exists(path)) return fail(path + " exists already");
    TRY_VALUE(file, files.open(path, env::OpenMode::kTruncate));
    Output output(std::move(file));
    storage::append_log_header(output.waiting_);
    return output;
  }
  // `checksum`: 8 bytes as they are to stand there.
  Result<> append(std::string_view checksum, std::string_view txn) {
    const size_t begin = waiting_.size();
    storage::append_log_entry(waiting_, txn);
    waiting_.replace(begin, checksum.size(), checksum);
    return waiting_.size() < kPieceBytes ? Result<>{} : write();
  }
  Result<> finish() {
    TRY(write());
    return file_->sync();
  }

 private:
  explicit Output(std::unique_ptr<env::File> file) : file_(std::move(file)) {}
  Result<> write() {
    TRY(file_->write_at(offset_, waiting_));
    offset_ += waiting_.size();
    waiting_.clear();
    return {};
  }

  std::unique_ptr<env::File> file_;
  uint64_t offset_ = 0;
  std::string waiting_;
};

void print_header(const Entries& entries, const Print& print) {
  print(fmt::format("ZooKeeper Transactional Log File with dbid {} txnlog format version {}\n",
                    entries.dbid, entries.version));
}

std::string right_checksum(std::string_view txn) {
  std::string entry;
  storage::append_log_entry(entry, txn);
  return entry.substr(0, 8);
}

}  // namespace

std::string txn_line(const wire::Txn& txn) {
  const wire::TxnHeader& header = txn.header;
  return fmt::format("{} session 0x{:x} cxid 0x{:x} zxid 0x{:x} {} {}", short_date(header.time_ms),
                     static_cast<uint64_t>(header.session.value),
                     static_cast<uint32_t>(header.cxid), static_cast<uint64_t>(header.zxid.value),
                     wire::op_name(header.type), std::visit(TextOfBody{header.type}, txn.body));
}

Result<> dump_log(env::FileSystem& files, const std::string& path, const Print& print,
                  size_t& bad) {
  TRY_VALUE(entries, Entries::open(files, path));
  print_header(entries, print);
  size_t count = 0;
  while (true) {
    TRY_VALUE(is_there, entries.next());
    if (!is_there) break;
    ++count;
    const std::string line = line_of(entries.txn) + "\n";
    if (!entries.is_right) {
      ++bad;
      print("CRC ERROR - " + line);
    }
    print(line);
  }
  print(fmt::format("EOF reached after {} txns.\n", count));
  return {};
}

Result<> repair_log(env::FileSystem& files, const std::string& path, const LogRepair& repair,
                    const Print& print) {
  TRY_VALUE(entries, Entries::open(files, path));
  const std::string fixed = path + ".fixed";
  if (files.exists(fixed)) {
    return fail("Recovery file " + fixed + " already exists or not writable");
  }
  TRY_VALUE(output, Output::create(files, fixed));
  print_header(entries, print);
  size_t count = 0;
  size_t fixed_count = 0;
  while (true) {
    TRY_VALUE(is_there, entries.next());
    if (!is_there) break;
    ++count;
    std::string checksum = entries.checksum;
    const std::string line = line_of(entries.txn) + "\n";
    if (!entries.is_right) {
      print((repair.ask ? "CRC ERROR - " : "CRC FIXED - ") + line);
      const std::optional<bool> is_wanted = repair.ask ? repair.ask() : true;
      if (!is_wanted) return fail("Recovery aborted.");
      if (*is_wanted) {
        checksum = right_checksum(entries.txn);
        ++fixed_count;
      }
    }
    if (repair.is_verbose) print(line);
    TRY(output.append(checksum, entries.txn));
  }
  TRY(output.finish());
  print(fmt::format("EOF reached after {} txns.\n", count));
  print(fmt::format("Recovery file {} has been written with {} fixed CRC error(s)\n", fixed,
                    fixed_count));
  return {};
}

Result<> chop_log(env::FileSystem& files, const std::string& path, Zxid last, const Print& print) {
  TRY_VALUE(entries, Entries::open(files, path));
  const std::string chopped = fmt::format("{}.chopped{}", path, last.value);
  TRY_VALUE(output, Output::create(files, chopped));
  size_t count = 0;
  bool is_found = false;
  std::string problem;
  while (true) {
    auto is_there = entries.next();
    if (!is_there) problem = is_there.error().message;
    if (!is_there || !*is_there) break;
    if (!entries.is_right) problem = "a transaction with a wrong checksum stands before it";
    const auto header = wire::read_txn_header(entries.txn);
    if (!problem.empty() || !header || header->zxid > last) break;
    is_found = header->zxid == last;
    TRY(output.append(entries.checksum, entries.txn));
    ++count;
  }
  if (!is_found) {
    TRY(files.remove(chopped));
    return fail(fmt::format("Failed to chop {}: zxid 0x{:x} is not in it{}{}", path,
                            static_cast<uint64_t>(last.value), problem.empty() ? "" : ": ",
                            problem));
  }
  TRY(output.finish());
  print(fmt::format("{} has been written with {} transaction(s), the last one 0x{:x}\n", chopped,
                    count, static_cast<uint64_t>(last.value)));
  return {};
}

}  // namespace zooid::cli
