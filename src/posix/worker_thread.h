// A thread for a worker that is stepped: the log worker and the snapshot worker. It sleeps while
// there is nothing to do and is woken through waker().
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "env/network.h"
#include "runtime/step_waker.h"

namespace zooid::posix {

class WorkerThread {
 public:
  // `step` does a part of what there is to do and returns whether there was anything. It is called
  // on the thread alone. The name (at most 15 characters) is shown by the system and in log lines.
  WorkerThread(std::string name, std::function<bool()> step);
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // To be called after something was given to the worker.
  env::Waker& waker() { return waker_; }
  // Carries out what is waiting, then ends the thread. Nothing may be submitted any more.
  void stop();

 private:
  void run();

  std::string name_;
  std::function<bool()> step_;
  runtime::StepWaker<> waker_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace zooid::posix
