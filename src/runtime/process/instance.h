#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/redactor.h"
#include "runtime/process/event_loop.h"
#include "runtime/process/guard.h"
#include "runtime/process/instance_status.h"
#include "runtime/process/log_file.h"
#include "runtime/process/preparer.h"
#include "runtime/process/restart_policy.h"
#include "runtime/process/run_records.h"

namespace mesg::runtime {

/// Where the lines of an instance go besides its log file. `closed` is set under `mutex`.
struct LogListener {
  std::function<void(const std::vector<LogLine>&)> on_lines;
  std::recursive_mutex mutex;
  bool closed = false;
};

/// One instance: its process, pauses, log and health. The inside of a Supervisor.
///
/// Threads: the loop's.
class Instance {
 public:
  /// What all instances of a supervisor share.
  struct Context {
    EventLoop& loop;
    const Clock& clock;
    const RunRecords& records;
    Guard& guard;
    Environment inherited;
    RestartOptions restart;
    LogOptions log;
    std::filesystem::path logs;
    /// Prepares on another thread and calls back on the loop's.
    std::function<void(PrepareRequest, std::stop_token, Preparer::Progress,
                       std::function<void(Result<Prepared>)>)>
        prepare;
    std::function<void(const InstanceStatus&)> on_change;
  };
  using Done = std::function<void()>;

  Instance(Context& context, std::string id);

  void Start(InstanceSpec spec);
  /// `done` is called when no process of it is left.
  void Stop(Done done);
  bool Idle() const { return phase_ == Phase::kIdle; }
  std::filesystem::path LogFolder() const { return context_.logs / id_; }
  /// Gives `listener` the last lines now and every later one as it comes.
  void Listen(const std::shared_ptr<LogListener>& listener, std::size_t tail);

 private:
  enum class Phase {
    kIdle,       ///< Nothing runs: stopped or failed.
    kPreparing,  ///< On the other thread.
    kRunning,    ///< The first process lives.
    kLeaving,    ///< The first process has ended and waits to be reaped; others of its session may
                 ///< live.
    kPausing,    ///< Until the next start.
  };

  struct Output {
    UniqueFd fd;
    LineSplitter splitter;
    LogStream stream = LogStream::kOut;
  };

  void Prepare();
  void OnPrepared(Result<Prepared> prepared);
  void Launch();
  Result<void> TryLaunch();
  void AwaitSecrets(const std::string& why);
  SpawnRequest Request(std::vector<std::string> argv) const;
  void OnLeaderExit();
  void Terminate();
  void OnGraceOver();
  void AwaitOthers();
  void OnAllGone();
  void Restart(ExitStatus status, Duration up);
  void GiveUp(std::string reason);
  void Settle();
  void ReadOutput(Output& output);
  void CloseOutputs();
  void Log(std::vector<LogLine> lines);
  void Note(const std::string& text);
  std::string LastWords() const;
  void Become(InstanceState state, std::string reason);

  void ScheduleHealthCheck();
  void RunHealthCheck();
  void OnHealthExit();
  void Judge(const std::string& complaint);
  void EndHealthCheck();

  Context& context_;
  const std::string id_;
  InstanceSpec spec_;
  std::optional<InstanceSpec>
      next_spec_;  ///< A start that came while the last process was leaving.
  bool wanted_ = false;
  Phase phase_ = Phase::kIdle;
  InstanceStatus status_;
  std::vector<Done> stopped_;
  RestartPolicy policy_;
  std::stop_source preparing_;
  Prepared prepared_;

  SecretEnvironment secrets_;                                 // Of the process that runs.
  Redactor redactor_ = Redactor(std::vector<std::string>());  // Of their values.
  Duration secrets_pause_{};  // The last one; zero when they were there.

  Process process_;
  std::chrono::steady_clock::time_point launched_{};
  std::chrono::steady_clock::time_point ended_{};
  std::array<Output, 2> outputs_;
  EventLoop::TimerId pause_ = 0;
  EventLoop::TimerId grace_ = 0;
  EventLoop::TimerId others_ = 0;

  Process health_;
  bool health_late_ = false;
  EventLoop::TimerId health_timer_ = 0;

  std::optional<LogWriter> log_;
  std::deque<std::string> last_lines_;
  std::list<std::shared_ptr<LogListener>> listeners_;
};

}  // namespace mesg::runtime
