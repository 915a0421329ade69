#include "server/election_journal.h"

#include "base/log.h"

namespace zooid::server {

ElectionJournal::ElectionJournal(ReplicaCore& core) : core_(core) {
  has_looking_ = core_.files.exists(zab::looking_path(core_.config.data_dir));
  const std::string path = zab::election_journal_path(core_.config.data_dir);
  if (!core_.files.exists(path)) return;
  const auto read = [&]() -> Result<std::deque<zab::ElectionRecord>> {
    TRY_VALUE(content, env::read_file(core_.files, path));
    return zab::parse_journal(content);
  };
  auto records = read();
  if (records) {
    records_ = std::move(*records);
    return;
  }
  log::warn("{}: {}; kept aside as {}.old", path, records.error().message, path);
  if (auto renamed = core_.files.rename(path, path + ".old"); !renamed) {
    log::warn("cannot rename {}: {}", path, renamed.error().message);
  }
}

void ElectionJournal::put(const zab::ElectionRecord& record) {
  forget_looking();
  if (!records_.empty() && records_.back().started_wall_ms == record.started_wall_ms &&
      records_.back().self == record.self) {
    records_.back() = record;
  } else {
    records_.push_back(record);
    while (records_.size() > zab::kElectionJournalRecordsMax) records_.pop_front();
  }
  save();
}

void ElectionJournal::put_looking(const zab::LookingReport& report) {
  has_looking_ = true;
  write(zab::looking_path(core_.config.data_dir), zab::render_looking(report));
}

void ElectionJournal::forget_looking() {
  if (!std::exchange(has_looking_, false)) return;
  env::FileSystem& files = core_.files;
  core_.snapshots.submit(
      storage::Dispose{[&files, path = zab::looking_path(core_.config.data_dir)] {
        // Shown for ever as something old is all that could come of a failure.
        (void)files.remove(path);
      }});
}

void ElectionJournal::save() {
  write(zab::election_journal_path(core_.config.data_dir), zab::render_journal(records_));
}

void ElectionJournal::write(const std::string& path, std::string content) {
  env::FileSystem& files = core_.files;
  const std::string directory = core_.directories.own();
  core_.snapshots.submit(storage::Dispose{[&files, directory, path, content] {
    auto written = [&]() -> Result<> {
      TRY(files.make_directories(directory));
      {
        TRY_VALUE(file, files.open(path + ".tmp", env::OpenMode::kTruncate));
        TRY(file->write_at(0, content));
      }
      return files.rename(path + ".tmp", path);
    }();
    if (!written) log::warn("election record not kept: {}", written.error().message);
  }});
}

}  // namespace zooid::server
