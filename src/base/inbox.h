#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg {

/// A bounded queue from any number of threads to one. The reader takes everything at once, so the
/// lock is held for a swap of two vectors however much is queued.
///
/// `weight` is what an item costs, usually its bytes; the sum is bounded as well as the count.
template <typename T>
class Inbox {
 public:
  Inbox(std::size_t max_items, std::size_t max_weight)
      : max_items_(max_items), max_weight_(max_weight) {}

  /// Any thread. ResourceExhausted when full, Unavailable after Close(); the item is then
  /// untouched. One item is always admitted into an empty inbox, whatever its weight.
  Result<void> Put(T&& item, std::size_t weight) {
    bool wake = false;
    {
      const std::scoped_lock lock(mutex_);
      if (closed_ || sealed_) return Unavailable("Core is shutting down");
      if (items_.size() >= max_items_ || (!items_.empty() && weight_ + weight > max_weight_)) {
        return ResourceExhausted(
            "Core's inbox is full ({} requests, {} bytes wait), retry after a pause", items_.size(),
            weight_);
      }
      wake = items_.empty();
      items_.push_back(std::move(item));
      weight_ += weight;
    }
    if (wake) ready_.notify_one();
    return {};
  }

  /// Any thread. Admitted even when full: for what must not be lost and is bounded by other means
  /// (a commit that finished, a worker that left). Nothing is admitted after Close().
  void PutAlways(T&& item) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
  }

  /// The reader's thread. Waits until there is something, `until` passes or the inbox is closed,
  /// then moves all there is into `into` (cleared first). False when closed and empty.
  bool TakeAll(std::vector<T>& into, std::optional<std::chrono::steady_clock::time_point> until) {
    into.clear();
    std::unique_lock lock(mutex_);
    const auto some = [this] { return !items_.empty() || closed_ || woken_; };
    if (until) {
      ready_.wait_until(lock, *until, some);
    } else {
      ready_.wait(lock, some);
    }
    into.swap(items_);
    weight_ = 0;
    woken_ = false;
    return !(closed_ && into.empty());
  }

  /// Any thread. From now on Put refuses as after Close(), but PutAlways still admits: what was
  /// accepted can be finished. Wakes the reader.
  void Seal() {
    {
      const std::scoped_lock lock(mutex_);
      sealed_ = true;
      woken_ = true;
    }
    ready_.notify_all();
  }

  /// Any thread. Refuses what comes later and wakes the reader, who still gets what was admitted.
  void Close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }

  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return items_.size();
  }

 private:
  const std::size_t max_items_;
  const std::size_t max_weight_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<T> items_;
  std::size_t weight_ = 0;
  bool closed_ = false;
  bool sealed_ = false;
  bool woken_ = false;
};

}  // namespace mesg
