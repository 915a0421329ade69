#include "posix/name_lookups.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/assert.h"

namespace zooid::posix {

namespace {

constexpr int64_t kKnownUs = 60'000'000;

}  // namespace

struct NameLookups::Shared {
  std::mutex mutex;
  env::Waker* waker;  // null once the loop is gone
  std::vector<std::pair<std::string, Answer>> answers;
  // Lets deliver() be called at every wake-up without taking the mutex.
  std::atomic<bool> has_answers = false;

  void put(std::string host, Answer answer) {
    std::lock_guard lock(mutex);
    answers.emplace_back(std::move(host), std::move(answer));
    has_answers = true;
    if (waker != nullptr) waker->wake();
  }
};

NameLookups::NameLookups(env::Waker& waker) : shared_(std::make_shared<Shared>()) {
  shared_->waker = &waker;
}

NameLookups::~NameLookups() {
  std::lock_guard lock(shared_->mutex);
  shared_->waker = nullptr;
}

uint64_t NameLookups::start(const std::string& host, Done done) {
  std::vector<Waiting>& sharing = waiting_[host];
  // A cancelled request stays in the list until the answer comes, so a list means a thread.
  const bool running = !sharing.empty();
  sharing.push_back({++last_id_, std::move(done)});
  if (running) return last_id_;
  try {
    std::thread([shared = shared_, host] { shared->put(host, look_up(host)); }).detach();
  } catch (const std::system_error& error) {
    shared_->put(host, fail("no thread to look up " + host + ": " + error.what()));
  }
  return last_id_;
}

void NameLookups::cancel(uint64_t id) {
  for (auto& [host, sharing] : waiting_) {
    for (Waiting& one : sharing) {
      if (one.id == id) one.done = nullptr;
    }
  }
}

NameLookups::Answer NameLookups::known(const std::string& host, int64_t now_us) {
  deliver();
  Known& known = known_[host];
  const bool has_addresses = known.answer && known.answer->has_value();
  const bool is_old = !has_addresses || now_us - known.asked_us > kKnownUs;
  std::optional<Answer> failure;
  if (known.answer && !has_addresses) failure = std::exchange(known.answer, std::nullopt);
  if (is_old && !known.is_running && !failure) {
    known.is_running = true;
    known.asked_us = now_us;
    start(host, [this, host](const Answer& answer) {
      Known& asked = known_[host];
      asked.is_running = false;
      // While a name server is out of order the addresses of before are better than none.
      if (answer || !asked.answer || !*asked.answer) asked.answer = answer;
    });
  }
  if (failure) return *failure;
  if (known.answer) return *known.answer;
  return fail(Error::Kind::kTimeout, "the name " + host + " is still being looked up");
}

void NameLookups::deliver() {
  if (!shared_->has_answers) return;
  std::vector<std::pair<std::string, Answer>> answers;
  {
    std::lock_guard lock(shared_->mutex);
    answers.swap(shared_->answers);
    shared_->has_answers = false;
  }
  for (const auto& [host, answer] : answers) {
    const auto entry = waiting_.find(host);
    ASSERT(entry != waiting_.end());
    const std::vector<Waiting> sharing = std::move(entry->second);
    waiting_.erase(entry);  // first: a callback may ask for the same name again
    for (const Waiting& one : sharing) {
      if (one.done) one.done(answer);
    }
  }
}

}  // namespace zooid::posix
