#pragma once

#include <mutex>
#include <utility>

namespace mesg {

/// A value that can only be reached while its lock is held.
///
///   Guarded<std::map<...>> sessions;
///   sessions.With([&](auto& map) { map.erase(id); });
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  /// Runs `action` with the value under the lock and returns what it returns. Do not call out from
  /// it.
  template <typename Action>
  decltype(auto) With(Action&& action) {
    const std::scoped_lock lock(mutex_);
    return std::forward<Action>(action)(value_);
  }
  template <typename Action>
  decltype(auto) With(Action&& action) const {
    const std::scoped_lock lock(mutex_);
    return std::forward<Action>(action)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace mesg
