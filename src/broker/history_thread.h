#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mesg::broker {

/// The thread that reads history for listeners that are not live, so that neither they nor the disk
/// hold up a partition. Jobs run in turn; one that has more to do queues itself again, which shares
/// the thread fairly. Bounded by its users: a listener has at most one job a partition.
class HistoryThread {
 public:
  using Job = std::function<void()>;

  HistoryThread();
  /// Drops what has not begun, then joins.
  ~HistoryThread();
  HistoryThread(const HistoryThread&) = delete;
  HistoryThread& operator=(const HistoryThread&) = delete;

  /// Any thread.
  void Queue(Job job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;  // Last: uses everything above.
};

}  // namespace mesg::broker
