#include "timer/pending.h"

#include <utility>

namespace mesg::services::timer {

void Pending::Add(TimePoint due, std::string id) {
  {
    const std::lock_guard lock(mutex_);
    entries_.push({due, std::move(id)});
  }
  changed_.notify_all();
}

std::size_t Pending::Count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<Pending::Entry> Pending::AwaitDue(std::size_t most, const std::stop_token& stop) {
  const SystemClock clock;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (entries_.empty()) {
      changed_.wait(lock, stop, [&] { return !entries_.empty(); });
      continue;
    }
    const TimePoint first = entries_.top().due;
    if (first > clock.Now()) {
      changed_.wait_until(lock, stop, first, [&] { return entries_.top().due < first; });
      continue;
    }
    std::vector<Entry> due;
    const TimePoint now = clock.Now();
    while (!entries_.empty() && entries_.top().due <= now && due.size() < most) {
      due.push_back(entries_.top());
      entries_.pop();
    }
    return due;
  }
  return {};
}

}  // namespace mesg::services::timer
