#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <queue>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mesg::services::timer {

/// Which timers come next: when and which, no more. What is true of them is in the instance's
/// store; one that is not there any more when its time comes was cancelled or has fired, and one
/// that is here twice fires once.
///
/// Threads: any.
class Pending {
 public:
  struct Entry {
    TimePoint due;
    std::string id;
    bool operator>(const Entry& other) const { return due > other.due; }
  };

  void Add(TimePoint due, std::string id);
  std::size_t Count() const;
  /// Takes out those that are due, the earliest first, at most `most`; waits until there is one.
  /// None when `stop` is requested.
  std::vector<Entry> AwaitDue(std::size_t most, const std::stop_token& stop);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
};

}  // namespace mesg::services::timer
