#include "posix/reactor.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/assert.h"
#include "base/step_part.h"

namespace zooid::posix {
namespace {

constexpr size_t kReadBufferBytes = 64 << 10;
constexpr int kEventsMax = 1024;  // of one wait; the kernel hands out the rest in turn
constexpr size_t kPooledBuffersMax = 64;
constexpr size_t kPooledBufferBytesMax = 64 << 10;
constexpr int64_t kMicrosPerSecond = 1'000'000;

}  // namespace

Reactor::Reactor() : epoll_(epoll_create1(EPOLL_CLOEXEC)), read_buffer_(kReadBufferBytes) {
  ASSERT(epoll_ >= 0);
}

Reactor::~Reactor() {
  sources_.clear();
  close(epoll_);
}

void Reactor::add_source(std::unique_ptr<Source> source) {
  ASSERT(&source->reactor_ == this);
  source->index_ = sources_.size();
  sources_.push_back(std::move(source));
}

bool Reactor::watch(int fd, Source& source, uint32_t events) {
  ASSERT(fd >= 0 && !source.retired_);
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = &source;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Reactor::mark_ready(Source& source) {
  if (source.ready_ || source.retired_) return;
  source.ready_ = true;
  ready_.push_back(&source);
}

void Reactor::mark_dirty(Source& source) {
  if (source.dirty_ || source.retired_) return;
  source.dirty_ = true;
  dirty_.push_back(&source);
}

void Reactor::set_deadline(Source& source, int64_t deadline_us) {
  if (source.deadline_us_ != kNever) deadlines_.erase({source.deadline_us_, &source});
  source.deadline_us_ = deadline_us;
  if (deadline_us != kNever) deadlines_.insert({deadline_us, &source});
}

void Reactor::retire(Source& source) {
  if (source.retired_) return;
  set_deadline(source, kNever);
  source.retired_ = true;
  retired_.push_back(&source);
}

void Reactor::wait(int64_t timeout_us) {
  ASSERT(timeout_us >= 0);
  std::array<epoll_event, kEventsMax> events;
  int count = -1;
  if (has_fine_timeouts_) {
    timespec timeout{};
    timeout.tv_sec = timeout_us / kMicrosPerSecond;
    timeout.tv_nsec = timeout_us % kMicrosPerSecond * 1000;
    count = epoll_pwait2(epoll_, events.data(), kEventsMax, &timeout, nullptr);
    if (count < 0 && errno != EINTR) has_fine_timeouts_ = false;
  }
  if (!has_fine_timeouts_) {
    const int64_t timeout_ms = std::min<int64_t>((timeout_us + 999) / 1000, INT_MAX);
    count = epoll_wait(epoll_, events.data(), kEventsMax, static_cast<int>(timeout_ms));
  }
  ASSERT(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    auto* source = static_cast<Source*>(events[i].data.ptr);
    // Retired sources are deleted before the next wait, and their descriptors are closed.
    ASSERT(!source->retired_);
    source->on_events(events[i].events);
  }
}

void Reactor::run_deadlines(int64_t now_us) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_us) {
    Source& source = *deadlines_.begin()->second;
    set_deadline(source, kNever);
    source.on_deadline();
  }
}

void Reactor::run_ready() {
  // A source that marks itself again (its read filled the buffer) has its turn at the next wake-up.
  running_.clear();
  running_.swap(ready_);
  for (Source* source : running_) {
    source->ready_ = false;
    step_part("loop", "ready descriptor");
    if (!source->retired_) source->on_ready();
  }
}

bool Reactor::flush() {
  if (dirty_.empty()) return false;
  running_.clear();
  running_.swap(dirty_);
  for (Source* source : running_) {
    source->dirty_ = false;
    if (!source->retired_) source->on_flush();
  }
  return true;
}

void Reactor::bury_retired() {
  if (retired_.empty()) return;
  const auto is_retired = [](const Source* source) { return source->retired_; };
  std::erase_if(ready_, is_retired);
  std::erase_if(dirty_, is_retired);
  std::vector<Source*> dead;
  dead.swap(retired_);
  for (Source* source : dead) {
    const size_t index = source->index_;
    ASSERT(index < sources_.size() && sources_[index].get() == source);
    std::swap(sources_[index], sources_.back());
    sources_[index]->index_ = index;
    sources_.pop_back();
  }
}

std::string Reactor::take_buffer() {
  if (buffers_.empty()) return {};
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Reactor::give_buffer(std::string buffer) {
  if (buffers_.size() >= kPooledBuffersMax || buffer.capacity() > kPooledBufferBytesMax) return;
  buffer.clear();
  buffers_.push_back(std::move(buffer));
}

}  // namespace zooid::posix
