#include "posix/worker_thread.h"

#include <pthread.h>

#include <utility>

#include "base/assert.h"

namespace zooid::posix {

WorkerThread::WorkerThread(std::string name, std::function<bool()> step)
    : name_(std::move(name)), step_(std::move(step)) {
  ASSERT(name_.size() <= 15);
  ASSERT(step_);
  thread_ = std::thread([this] { run(); });
}

WorkerThread::~WorkerThread() {
  stop();
}

void WorkerThread::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  waker_.wake();
  thread_.join();
}

void WorkerThread::run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  while (true) {
    const bool is_last_look = stopping_;  // read before the step: what came before stop() is done
    if (step_()) continue;
    if (is_last_look) return;
    waker_.wait();
  }
}

}  // namespace zooid::posix
