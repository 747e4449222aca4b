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
#include "broker/forward_time.h"
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
  Result<void> Submit(Work&& work, std::size_t weight);
  /// Any thread: what must not be lost and is bounded by other means. Refused only when it stops.
  void SubmitAlways(Work work) { inbox_.PutAlways({.work = std::move(work)}); }
  /// Any thread: a commit is over. Goes before everything that waits, which may wait for it.
  void SubmitFirst(Work work) { inbox_.PutAlways({.work = std::move(work), .first = true}); }
  /// Requests that were submitted and have not run, and their bytes.
  std::size_t Waiting() const { return requests_; }
  std::size_t WaitingBytes() const { return bytes_; }
  /// What is decided and in no commit yet, as of the last turn.
  std::size_t PendingBytes() const { return pending_bytes_; }

 private:
  struct Item {
    Work work;
    bool first = false;
    bool request = false;  ///< Counted until it has run.
    std::size_t weight = 0;
  };
  void Run();
  void Do(Item& item, TimePoint now);
  TimePoint Now();

  const Clock& clock_;
  const Bounds bounds_;
  Inbox<Item> inbox_;
  /// The inbox is emptied also while a full partition lets requests wait: they are counted until
  /// they have run.
  std::atomic<std::size_t> requests_ = 0;
  std::atomic<std::size_t> bytes_ = 0;
  std::atomic<std::size_t> pending_bytes_ = 0;
  std::unique_ptr<Partition> partition_;
  ForwardTime time_;  // Of decisions.
  std::atomic<bool> sealed_ = false;
  std::thread thread_;  // Last: uses everything above.
};

}  // namespace mesg::broker
