#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace mesg::sdk::internal {

/// One thread that calls back later. Actions are short, do not throw, and run one at a time.
/// The destructor forgets what has not run and waits for what runs.
class Timers {
 public:
  Timers();
  ~Timers();

  /// From any thread. Actions must guard themselves against what they refer to being gone.
  void After(std::chrono::milliseconds delay, std::function<void()> action);

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> due_;
  bool stopping_ = false;
  std::thread thread_;  // Last: starts after what it uses.
};

}  // namespace mesg::sdk::internal
