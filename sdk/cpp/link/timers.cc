#include "link/timers.h"

#include <utility>

namespace mesg::sdk::internal {

Timers::Timers() : thread_([this] { Loop(); }) {}

Timers::~Timers() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Timers::After(std::chrono::milliseconds delay, std::function<void()> action) {
  {
    const std::scoped_lock lock(mutex_);
    due_.emplace(std::chrono::steady_clock::now() + delay, std::move(action));
  }
  changed_.notify_one();
}

void Timers::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = due_.begin();
    const auto when = first->first;
    if (std::chrono::steady_clock::now() < when) {
      changed_.wait_until(lock, when);
      continue;
    }
    auto action = std::move(first->second);
    due_.erase(first);
    lock.unlock();
    action();
    action = nullptr;  // What it holds goes outside the lock.
    lock.lock();
  }
}

}  // namespace mesg::sdk::internal
