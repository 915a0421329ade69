#include "sim/work_meter.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::sim {

void Work::raise_to(const Work& other) {
  file_bytes_read = std::max(file_bytes_read, other.file_bytes_read);
  files_opened = std::max(files_opened, other.files_opened);
  txns_applied = std::max(txns_applied, other.txns_applied);
  bytes_out = std::max(bytes_out, other.bytes_out);
}

std::string Work::text() const {
  return fmt::format("step-file-bytes={} step-files={} step-txns={} step-bytes-out={}",
                     file_bytes_read, files_opened, txns_applied, bytes_out);
}

WorkMeter::Counters WorkMeter::counters_of(SimServer& server) {
  Counters counters;
  const server::ReplicaCore* core = server.core();
  counters.process = server.starts();
  counters.disk = server.disk().number();
  counters.files = server.disk().files().figures();
  counters.bytes_out = server.host().bytes_out();
  if (core != nullptr && core->database != nullptr) counters.applied = core->database->last_zxid();
  counters.was_serving = core != nullptr && core->is_serving();
  return counters;
}

void WorkMeter::begin(SimServer& server) {
  begun_ = counters_of(server);
}

void WorkMeter::end(SimServer& server, int64_t now_us) {
  const Counters ended = counters_of(server);
  if (ended.process != begun_.process || ended.disk != begun_.disk) return;
  Work work;
  work.file_bytes_read = ended.files.read_bytes - begun_.files.read_bytes;
  work.files_opened =
      ended.files.opens + ended.files.lists - begun_.files.opens - begun_.files.lists;
  work.bytes_out = ended.bytes_out - begun_.bytes_out;
  const bool serves = begun_.was_serving && ended.was_serving;
  if (serves && ended.applied.epoch() == begun_.applied.epoch()) {
    work.txns_applied = static_cast<uint64_t>(ended.applied.value - begun_.applied.value);
  }
  largest_.raise_to(work);
  judge(server, work, now_us);
}

void WorkMeter::judge(const SimServer& server, const Work& work, int64_t now_us) {
  const auto is_over = [](uint64_t done, uint64_t most) { return most != 0 && done > most; };
  if (!is_over(work.file_bytes_read, budget_.file_bytes_read) &&
      !is_over(work.files_opened, budget_.files_opened) &&
      !is_over(work.txns_applied, budget_.txns_applied) &&
      !is_over(work.bytes_out, budget_.bytes_out)) {
    return;
  }
  verdict_.fail(now_us, "nobody holds the loop", "{} did in one step: {}", server.name(),
                work.text());
}

}  // namespace zooid::sim
