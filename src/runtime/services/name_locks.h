#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "base/result.h"

namespace mesg::runtime {

/// One holder at a time for each name; others wait. Threads: any.
class NameLocks {
 public:
  /// Held until it is destroyed. The locks must outlive it.
  class Held {
   public:
    Held(NameLocks& locks, std::string name) : locks_(&locks), name_(std::move(name)) {}
    Held(Held&& other) noexcept
        : locks_(std::exchange(other.locks_, nullptr)), name_(std::move(other.name_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (locks_ == nullptr) return;
      {
        const std::scoped_lock lock(locks_->mutex_);
        locks_->held_.erase(name_);
      }
      locks_->released_.notify_all();
    }

   private:
    NameLocks* locks_;
    std::string name_;
  };

  /// Cancelled when `stop` was requested before it was this caller's turn.
  Result<Held> Hold(const std::string& name, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!released_.wait(lock, stop, [&] { return !held_.contains(name); })) {
      return Cancelled("the deployment of \"{}\" was stopped", name);
    }
    held_.insert(name);
    return Held(*this, name);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any released_;
  std::set<std::string> held_;
};

}  // namespace mesg::runtime
