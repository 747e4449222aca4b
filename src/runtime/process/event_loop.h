#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/process/unique_fd.h"

namespace mesg::runtime {

/// Waits for descriptors, deadlines and posted work, one thing at a time.
///
/// Threads: Post from any; everything else on the thread that runs Run.
class EventLoop {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using TimerId = std::uint64_t;  ///< 0 is none.

  static Result<std::unique_ptr<EventLoop>> Make();

  /// Handles events until Quit.
  void Run();
  void Quit() { quit_ = true; }

  /// Any thread; runs `work` on the loop's. Work posted after Run returned is dropped.
  void Post(std::function<void()> work);

  /// Calls `on_readable` whenever `fd` can be read or was closed at the other end, until Unwatch.
  Result<void> Watch(int fd, std::function<void()> on_readable);
  void Unwatch(int fd);

  TimerId After(std::chrono::nanoseconds delay, std::function<void()> action);
  void Cancel(TimerId& timer);  ///< And makes it 0.

 private:
  EventLoop(UniqueFd epoll, UniqueFd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  int TimeoutMilliseconds() const;
  void RunPosted();
  void RunTimers();

  UniqueFd epoll_;
  UniqueFd wake_;
  bool quit_ = false;
  std::uint64_t next_id_ = 1;
  struct Watched {
    std::uint64_t id;
    std::shared_ptr<std::function<void()>> action;
  };
  std::unordered_map<int, Watched> watched_;
  std::map<std::pair<Time, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Time> timer_times_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // Guarded by mutex_.
};

}  // namespace mesg::runtime
