#pragma once

#include <filesystem>

#include "runtime/process/event_loop.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

/// Keeps mesg-guard running: a tiny program that waits for Core's end, by holding the other end of
/// a pipe, and then ends every session noted in Core's RunRecords.
///
/// The kernel kills a service's first process with Core, but not what that process started (npm,
/// then sh, then node); without the guard those would live on until the next start of Core.
///
/// Threads: the loop's.
class Guard {
 public:
  Guard(EventLoop& loop, std::filesystem::path program, std::filesystem::path records)
      : loop_(loop), program_(std::move(program)), records_(std::move(records)) {}
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Starts it unless it runs. From then on it is started again whenever it ends.
  Result<void> Ensure();

 private:
  void OnExit();
  EventLoop& loop_;
  const std::filesystem::path program_;
  const std::filesystem::path records_;
  Process process_;
  UniqueFd alive_;  ///< Closed by the kernel when Core ends, however it ends.
  EventLoop::TimerId retry_ = 0;
};

}  // namespace mesg::runtime
