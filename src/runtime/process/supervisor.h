#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/instance_status.h"
#include "runtime/process/log_file.h"
#include "runtime/process/preparer.h"
#include "runtime/process/restart_policy.h"

namespace mesg::runtime {

struct LogListener;

struct SupervisorOptions {
  /// Core's data directory: keeps `services/prepared/` and `services/running/` in it.
  std::filesystem::path data_directory;
  std::filesystem::path
      log_directory;  ///< One folder an instance; empty: `logs/` in the data directory.
  /// libexec/mesg/mesg-guard. Empty: what outlives a kill -9 of Core is only found by the next
  /// Core.
  std::filesystem::path guard_program;
  Environment inherited = InheritedEnvironment();
  RestartOptions restart;
  LogOptions log;
  Duration install_timeout = std::chrono::minutes(15);
};

/// Follows a log until it is destroyed; after that its callback is not running and is not called
/// again. Any thread, also from within the callback.
class LogSubscription {
 public:
  explicit LogSubscription(std::shared_ptr<LogListener> listener);
  ~LogSubscription();
  LogSubscription(const LogSubscription&) = delete;
  LogSubscription& operator=(const LogSubscription&) = delete;

 private:
  std::shared_ptr<LogListener> listener_;
};

/// Owns the processes of all services: starts them, keeps them running, captures what they write,
/// and ends them.
///
/// A process is started again whenever it ends, with status 0 too, after a growing pause; after too
/// many early ends in a row it is failed, and says why. Stopping sends TERM to everything in the
/// service's session, and KILL after its grace period. No process outlives Core unnoticed: the
/// kernel kills the first of each session with Core, mesg-guard the others, and Make what is left
/// of a former Core.
///
/// Threads: its own one, and one that installs; everything here may be called from any thread, also
/// from callbacks, except StopAndWait.
/// The destructor stops all instances at once and waits for their ends.
class Supervisor {
 public:
  /// Called on the supervisor's thread for every change, in order: must return soon.
  using OnChange = std::function<void(const InstanceStatus&)>;
  using OnLines = std::function<void(const std::vector<LogLine>&)>;

  /// Ends what a former Core left running, then begins. `clock` is borrowed.
  static Result<std::unique_ptr<Supervisor>> Make(SupervisorOptions options, const Clock& clock,
                                                  OnChange on_change);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The ids of instances whose processes had outlived a former Core, and were ended by Make.
  std::vector<std::string> Survivors() const;

  /// Starts the instance and keeps it running until Stop. Returns before it runs: what becomes of
  /// it is seen in its status. One that runs already is left as it is; a pause before a restart is
  /// cut short; a failed one is tried anew.
  ///
  /// InvalidArgument for an id that cannot be a file name; FailedPrecondition when there is nothing
  /// to start, with what to add.
  Result<void> Start(InstanceSpec spec);

  /// Ends the instance's processes, if any, and leaves it stopped. `done` is called on the
  /// supervisor's thread once none is left.
  void Stop(const std::string& id, std::function<void()> done);

  /// Stop, and wait for its end. Not from a callback.
  void StopAndWait(const std::string& id);

  /// Of an instance that was started since Core began; nothing for others.
  std::optional<InstanceStatus> Status(const std::string& id) const;
  std::vector<InstanceStatus> List() const;

  /// Installs what the service depends on, so that a later Start is quick and cannot fail for that.
  /// Blocks. See Preparer::Prepare.
  Result<Prepared> Prepare(const PrepareRequest& request, const Preparer::Progress& progress,
                           const std::stop_token& stop) const;

  /// The last `tail` lines (0: all that are kept), oldest first. Also of an instance that is
  /// stopped, or was by a former Core; none when it never wrote.
  Result<std::vector<LogLine>> ReadLog(const std::string& id, std::size_t tail) const;

  /// The same, then every line as it is written, without a gap or repetition between the two.
  /// `on_lines` is called on the supervisor's thread: must return soon.
  Result<std::unique_ptr<LogSubscription>> FollowLog(const std::string& id, std::size_t tail,
                                                     OnLines on_lines);

  /// Forgets a stopped instance and removes its log. FailedPrecondition while it runs.
  Result<void> Forget(const std::string& id);

  /// Core's prepared copy of a content, the working directory of its processes; nothing before the
  /// first preparation.
  std::optional<std::filesystem::path> FindPrepared(const std::string& content_hash) const;

  /// Removes Core's prepared copy of a content; for when its last instance is deleted.
  void RemovePrepared(const std::string& content_hash);

 private:
  class Impl;
  explicit Supervisor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::runtime
