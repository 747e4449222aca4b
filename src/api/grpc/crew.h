#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace mesg::api {

/// Threads for what neither the broker's threads nor gRPC's should do.
///
/// Threads: any. The destructor does everything that was asked for first.
class Crew {
 public:
  using Job = std::function<void()>;

  Crew();
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Builds and sends messages on behalf of the broker's threads. In order; must not block.
  void Soon(Job job) { Put(soon_, std::move(job)); }
  /// Reads a disk or waits for the broker. ResourceExhausted when too many wait already.
  Result<void> Later(Job job);

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool closed = false;
  };
  static void Put(Queue& queue, Job job);
  static void Run(Queue& queue);

  Queue soon_;
  Queue later_;
  std::vector<std::thread> threads_;
};

}  // namespace mesg::api
