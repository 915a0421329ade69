// A file system in memory that forgets at a crash what was not synced: for the simulator and for
// tests of crash points. Deterministic: what survives follows from the seed.
//
// What is durable when:
//   content and length of a file    after File::sync
//   a name (create, rename, remove) after sync_directory of its directory
//   directories                     at once
// At a crash unsynced effects may each be kept, lost or, if they are writes, torn between sectors,
// in any combination (see Survivors). Used on one thread. Must outlive what it opened.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.h"
#include "env/file_system.h"

namespace zooid::env {

class MemoryFileSystem : public FileSystem {
 public:
  explicit MemoryFileSystem(uint64_t seed = 1) : random_(seed) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;
  Result<uint64_t> file_size(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> make_directories(const std::string& path) override;
  Result<> sync_directory(const std::string& path) override;
  Result<FileSystemSpace> space(const std::string& path) override;
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) override;

  // Which unsynced effects a crash leaves.
  enum class Survivors {
    kNone,    // only what was synced
    kAll,     // everything happened to reach the disk
    kPrefix,  // of each file and each directory the first ones in order, the last write torn
    kSubset,  // of each file and each directory any, each write torn at will
  };
  // The machine crashes and is up again. Files and locks that were open fail from now on.
  void crash(Survivors survivors);
  // The process ends, the machine goes on: what was written stays as synced as it was. Files and
  // locks that were open fail from now on.
  void end_process();
  // A machine that crashed now, beside this one, which goes on. Without its faults and observer.
  std::unique_ptr<MemoryFileSystem> after_crash(Survivors survivors, uint64_t seed) const;

  // For tests that go through all that a crash may leave: what is not synced, in pieces of which
  // each is kept or lost by itself, in a fixed order.
  enum class Unit {
    kEffect,  // a change of names, a change of a length, a write
    kSector,  // the same, but each sector of a write and the growth of its file by themselves
  };
  size_t unsynced_pieces(Unit unit) const;
  // A machine that crashed now with exactly those pieces on its disk; one flag for each of them.
  std::unique_ptr<MemoryFileSystem> after_crash_keeping(Unit unit,
                                                        const std::vector<bool>& is_kept) const;

  // Everything that changes the disk.
  struct Operation {
    enum class Kind {
      kCreate,
      kWrite,
      kTruncate,
      kSync,
      kRename,
      kRemove,
      kSyncDirectory,
      // A descriptor is needed: a file, for reading or for changing it, or a directory. Changes
      // nothing by itself: asked before it, not told of.
      kOpenToRead,
      kOpenToWrite,
      kOpenDirectory,
    };
    Kind kind;
    const std::string& path;
    uint64_t bytes = 0;  // kWrite
  };
  // Asked before each operation: an error makes it fail without effect.
  using Fault = std::function<std::optional<Error>(const Operation&)>;
  void set_fault(Fault fault) { fault_ = std::move(fault); }
  // Told after each operation that was carried out.
  using Observer = std::function<void(const Operation&)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  // Content beyond it is refused with kNoSpace; a write that passes it is carried out in part.
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t used_bytes() const;
  // Bit damage, in what is read and on the medium; false if nothing is stored there.
  bool flip_bit(const std::string& path, uint64_t offset, int bit);
  // What is read there; nullopt if nothing is.
  std::optional<char> byte_at(const std::string& path, uint64_t offset) const;
  uint64_t size_of(const std::string& path) const;  // 0 without such a file
  // What was asked for so far, also in vain.
  struct Figures {
    uint64_t opens = 0;
    uint64_t lists = 0;
    uint64_t read_bytes = 0;
  };
  const Figures& figures() const { return figures_; }
  uint64_t free_bytes() const;

 private:
  class MemoryFile;
  class MemoryLock;
  // A write or a change of length that was not synced.
  struct Effect {
    uint64_t offset;
    std::string bytes;
    std::optional<uint64_t> new_size;  // set: only this
  };
  struct Inode {
    std::string content;
    std::string durable;
    std::vector<Effect> unsynced;
  };
  using InodePtr = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodePtr>;  // by path
  struct NameEffect {
    std::string removed;  // path, or empty
    std::string added;    // path, or empty
    InodePtr inode;       // of `added`
  };

  struct Piece {
    const NameEffect* name;  // or
    const Inode* inode;      // whose this is:
    Effect effect;
  };

  Result<> begin(const Operation& operation);
  void done(const Operation& operation);
  void change_names(const std::string& directory, NameEffect effect);
  static void apply(Names& names, const NameEffect& effect);
  static void apply(std::string& content, const Effect& effect);
  static void apply_torn(std::string& content, const Effect& effect, Random& random,
                         Survivors survivors);
  static std::string content_after_crash(const Inode& inode, Survivors survivors, Random& random);
  Names names_after_crash(Survivors survivors, Random& random) const;
  std::vector<Piece> pieces(Unit unit) const;
  static void add_pieces(const Inode& inode, Unit unit, std::vector<Piece>& found);
  void fill_image(MemoryFileSystem& image, const Names& names,
                  const std::function<std::string(const Inode&)>& content_of) const;
  Error no_space(const std::string& path) const;

  Random random_;
  Names names_;
  Names durable_names_;
  std::map<std::string, std::vector<NameEffect>> unsynced_names_;  // by directory
  std::set<std::string> directories_{"/", "."};
  std::set<std::string> locked_;
  uint64_t generation_ = 0;  // crashes so far
  uint64_t capacity_ = UINT64_MAX;
  Figures figures_;
  Fault fault_;
  Observer observer_;
};

}  // namespace zooid::env
