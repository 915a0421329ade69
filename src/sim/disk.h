// A server's disk: it outlives the processes that use it. A crash of the machine loses what was not
// synced, also in the middle of a worker's step; a crash of the process loses nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "env/memory_file_system.h"

namespace zooid::sim {

class Disk {
 public:
  explicit Disk(uint64_t seed);

  env::MemoryFileSystem& files() { return *files_; }

  // The state that a crash leaves is the one of this moment, whatever the dying process still does.
  // finish_crash() takes it, when the process has been destroyed.
  void begin_crash(env::MemoryFileSystem::Survivors survivors);
  // The same after that many further operations. `reached` is called then: its receiver has to end
  // the process before anybody hears of what comes after.
  void plan_crash(uint64_t operations, std::function<void()> reached);
  bool is_crash_begun() const { return image_ != nullptr; }
  void finish_crash();
  // The process is killed between two operations: nothing that its end still does reaches the disk,
  // and what it wrote stays as synced as it was.
  void begin_kill();
  void finish_kill();
  // Everything is gone, as with a new disk.
  void wipe();

  // While the disk is full every write that needs space fails.
  void set_full(bool is_full);
  // While it is failing, one operation of so many ends with an error and has no effect; 0: none.
  void set_failing(uint64_t one_in) { failing_one_in_ = one_in; }

  enum class Denied {
    kNothing,
    kDescriptors,  // nothing can be opened: EMFILE
    kWriting,      // nothing can be created, opened for writing, renamed or removed: EACCES
  };
  void set_denied(Denied denied) { denied_ = denied; }
  Denied denied() const { return denied_; }

  bool is_failing() const { return failing_one_in_ > 0; }
  bool is_in_trouble() const {
    return failing_one_in_ > 0 || is_full_ || denied_ != Denied::kNothing;
  }

  // Flips a bit of some log or snapshot file, which their checksums must notice; false if there is
  // none. It counts as damage until it is repaired, or the file is gone or has other bytes there.
  enum class Damage {
    kAnywhere,
    // Not in those bytes of the newest log of which the disk does not know yet that they were
    // synced (storage/synced_record.h): nobody can tell damage there from a write cut short.
    kKnownSynced,
  };
  bool damage(Damage where);
  bool is_damaged();
  bool was_damaged() const { return was_damaged_; }  // ever, as long as this disk is the one
  // Puts the bits right again that are still there.
  void repair();
  // Of the newest damage; empty if there is none (any more).
  std::string damaged_path();
  // Which disk it is: wipe() makes the next one.
  uint64_t number() const { return number_; }

  uint64_t operations() const { return operations_; }
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  void attach();
  std::optional<Error> fault(env::MemoryFileSystem::Operation::Kind kind);
  std::optional<Error> denial(env::MemoryFileSystem::Operation::Kind kind) const;
  void on_operation(const env::MemoryFileSystem::Operation& operation);

  Random random_;
  std::unique_ptr<env::MemoryFileSystem> files_;
  std::unique_ptr<env::MemoryFileSystem> image_;  // after the planned crash
  // Files of a process that has not been destroyed yet look at these.
  std::unique_ptr<env::MemoryFileSystem> former_;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = UINT64_MAX;
  std::function<void()> reached_;
  uint64_t trace_hash_ = 0;
  bool is_dying_ = false;
  bool is_full_ = false;
  Denied denied_ = Denied::kNothing;
  uint64_t failing_one_in_ = 0;
  struct Flip {
    std::string path;
    uint64_t offset;
    int bit;
    char is;  // the whole byte, as it is now
  };
  // How much of a log file would be known to be synced after a loss of power now.
  uint64_t known_synced(const std::string& log_name) const;

  std::vector<Flip> flips_;
  bool was_damaged_ = false;
  uint64_t number_ = 1;
};

}  // namespace zooid::sim
