#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
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
  void Soon(Job job) { Put(*soon_, std::move(job)); }
  /// Reads a disk or waits for the broker. ResourceExhausted when too many wait already.
  Result<void> Later(Job job) { return PutLater(*later_, std::move(job)); }

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool closed = false;  // Its threads go once it is empty.
    bool gone = false;    // They have gone.
  };
  static void Put(Queue& queue, Job job);
  static Result<void> PutLater(Queue& queue, Job job);
  static void Run(Queue& queue);

 public:
  /// A way in for what may outlive the crew: a reply that the broker gives while it is destroyed.
  class Door {
   public:
    /// As Crew::Soon; does nothing once there is no crew.
    void Soon(Job job) const { Put(*soon_, std::move(job)); }
    /// As Crew::Later; Unavailable once the crew ends.
    Result<void> Later(Job job) const { return PutLater(*later_, std::move(job)); }

   private:
    friend class Crew;
    Door(std::shared_ptr<Queue> soon, std::shared_ptr<Queue> later)
        : soon_(std::move(soon)), later_(std::move(later)) {}
    std::shared_ptr<Queue> soon_;
    std::shared_ptr<Queue> later_;
  };
  Door door() const { return {soon_, later_}; }

 private:
  const std::shared_ptr<Queue> soon_ = std::make_shared<Queue>();
  const std::shared_ptr<Queue> later_ = std::make_shared<Queue>();
  std::vector<std::thread> threads_;
};

}  // namespace mesg::api
