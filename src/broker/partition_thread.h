#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/inbox.h"
#include "base/result.h"
#include "broker/partition.h"

namespace mesg::broker {

/// Gives a Partition its thread. The destructor finishes what was accepted, then joins.
class PartitionThread {
 public:
  /// Runs on the partition's thread.
  using Work = std::function<void(Partition&, TimePoint now)>;

  struct Bounds {
    std::size_t requests = 0;
    std::size_t bytes = 0;
    std::size_t commit_bytes = 0;
  };

  PartitionThread(const Clock& clock, Bounds bounds);
  ~PartitionThread();
  PartitionThread(const PartitionThread&) = delete;
  PartitionThread& operator=(const PartitionThread&) = delete;

  /// Once, before any work is submitted.
  void Start(std::unique_ptr<Partition> partition);

  /// Finishes what was accepted, then joins; refuses everything from then on. Once, from one
  /// thread.
  void Finish();

  /// Any thread. ResourceExhausted when too much waits, Unavailable when it stops; the work is then
  /// untouched.
  Result<void> Submit(Work&& work, std::size_t weight) {
    Item item{std::move(work), false};
    auto admitted = inbox_.Put(std::move(item), weight);
    if (!admitted) work = std::move(item.work);  // NOLINT(bugprone-use-after-move): not taken.
    return admitted;
  }
  /// Any thread: what must not be lost and is bounded by other means. Refused only when it stops.
  void SubmitAlways(Work work) { inbox_.PutAlways({std::move(work), false}); }
  /// Any thread: a commit is over. Goes before everything that waits, which may wait for it.
  void SubmitFirst(Work work) { inbox_.PutAlways({std::move(work), true}); }
  std::size_t Waiting() const { return inbox_.size(); }

 private:
  struct Item {
    Work work;
    bool first = false;
  };
  void Run();

  const Clock& clock_;
  const Bounds bounds_;
  Inbox<Item> inbox_;
  std::unique_ptr<Partition> partition_;
  std::atomic<bool> sealed_ = false;
  std::thread thread_;  // Last: uses everything above.
};

}  // namespace mesg::broker
