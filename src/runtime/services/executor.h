#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/inbox.h"
#include "base/result.h"

namespace mesg::runtime {

/// One thread that runs what it is given, in order.
///
/// Threads: any. The destructor runs what was admitted, then joins; what comes later is dropped,
/// with all that it holds.
class Executor {
 public:
  using Task = std::function<void()>;

  Executor() : thread_([this] { Run(); }) {}
  ~Executor() { Stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// ResourceExhausted when too much waits: for what somebody asks for.
  Result<void> Submit(Task task) { return inbox_.Put(std::move(task), 1); }
  /// For what must not be lost, and is bounded by what it answers.
  void Post(Task task) { inbox_.PutAlways(std::move(task)); }
  /// Runs what was admitted and joins. Not from a task.
  void Stop() {
    inbox_.Close();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run() {
    std::vector<Task> tasks;
    while (inbox_.TakeAll(tasks, std::nullopt)) {
      for (Task& task : tasks) task();
    }
  }

  static constexpr std::size_t kMaxTasks = 10'000;
  Inbox<Task> inbox_{kMaxTasks, kMaxTasks};
  std::thread thread_;  // Last: it uses the inbox.
};

}  // namespace mesg::runtime
