#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace grpc {
class Channel;
}
namespace mesg::v1 {
class StatusResponse;
}

namespace mesg::bench {

/// A `mesg core` of its own, with default configuration, in a new directory and on a free port. The
/// destructor stops it and removes the directory.
class CoreProcess {
 public:
  /// Returns once it is ready. `wrapper` is put in front of its command line. The program is
  /// $MESG_BIN/mesg, else the one beside this program.
  static Result<std::unique_ptr<CoreProcess>> Start(const std::vector<std::string>& wrapper = {});
  ~CoreProcess();
  CoreProcess(const CoreProcess&) = delete;
  CoreProcess& operator=(const CoreProcess&) = delete;

  /// From its start until it called itself ready.
  std::chrono::microseconds time_to_ready() const { return time_to_ready_; }
  const std::string& home() const { return home_; }
  /// A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const;

  Result<v1::StatusResponse> Status() const;
  /// fsyncs_total as Core counts them.
  Result<std::uint64_t> Fsyncs() const;
  /// Processor time it has used, to 10 ms.
  std::chrono::microseconds CpuTime() const;
  /// The same of the threads that live now, exactly.
  std::chrono::microseconds ThreadsCpuTime() const;
  double ResidentMiB() const;

  /// kill -9, and a new one on what it left; returns once that is ready. Connections are to be made
  /// again.
  Result<void> KillAndStart();
  /// Asks it to stop and waits for that.
  void Stop();

 private:
  explicit CoreProcess(std::string home) : home_(std::move(home)) {}
  Result<void> Begin(const std::vector<std::string>& wrapper);
  Result<void> WaitUntilReady(std::chrono::steady_clock::time_point started);

  std::string home_;
  std::uint16_t port_ = 0;
  std::string endpoint_;
  pid_t child_ = 0;  // It, or its wrapper.
  pid_t pid_ = 0;
  std::chrono::microseconds time_to_ready_{};
  std::shared_ptr<grpc::Channel> channel_;
};

/// Processor time this process has used.
std::chrono::microseconds OwnCpuTime();

/// The median time of appending 4 KiB to a file in `folder` and fdatasync, of many.
Result<std::chrono::microseconds> FsyncTime(const std::string& folder);

}  // namespace mesg::bench
