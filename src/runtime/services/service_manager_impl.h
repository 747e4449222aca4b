#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "runtime/services/answer.h"
#include "runtime/services/available_services.h"
#include "runtime/services/executor.h"
#include "runtime/services/name_locks.h"
#include "runtime/services/service_manager.h"

namespace mesg::runtime {

/// What stands behind ServiceManager.
///
/// The executor's thread follows the broker: whatever changed, it looks at what is deployed now and
/// makes the processes fit, so that the order in which it hears of changes does not matter. Each
/// deployment, and each removal of files, is a job with a thread of its own.
///
/// Members are in the order of their lives: what is below uses what is above.
class ServiceManager::Impl {
 public:
  using Watch = std::weak_ptr<std::function<void()>>;

  Impl(Options options, broker::Broker& broker, Fetcher fetcher);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> Start(const Clock& clock);

  // ---- Following (on the executor) ----

  /// Makes the process of that instance fit what the broker wants now.
  void Follow(const std::string& hash);
  /// Starts it, also one that was given up.
  void StartProcess(const broker::InstancePtr& instance);
  /// Its processes have ended after it was removed.
  void Leave(const std::string& hash);
  /// Calls `then` once nothing is left of the instances of that name that were removed.
  void WhenGone(const std::string& name, std::function<void()> then);

  /// The same of one instance, as long as `watch` is there.
  void AddWatch(const std::string& hash, const Watch& watch);

  // ---- Jobs ----

  /// Runs `work` on a thread of its own, which is told to stop when Core ends. On the executor.
  void RunJob(bool deployment, std::function<void(const std::stop_token&)> work);
  void Deploy(DeployRequest request, Progress progress, std::stop_token stop,
              const Answer<ServiceStatus>& answer);
  /// Removes files no instance needs, unless a deployment runs: then that does it at its end.
  void SweepIfIdle();
  void StartSweep();

  // ---- Views ----

  InstanceSpec SpecOf(const broker::DeployedInstance& instance) const;
  ServiceEnvironment EnvironmentOf(const broker::DeployedInstance& instance) const;
  /// On the executor.
  std::string WithoutSecrets(const broker::DeployedInstance& instance,
                             const std::string& text) const;
  ServiceStatus StatusOf(const broker::InstancePtr& instance,
                         const broker::Broker::InstanceLoad& load) const;
  /// Answers with the status of `instance` as the catalog has it then. Any thread.
  void AnswerStatus(const broker::InstancePtr& instance, const Answer<ServiceStatus>& answer);
  /// Calls `then` on the executor, with what `instance` has to do right now. Any thread.
  void WithLoad(const broker::InstancePtr& instance,
                std::function<void(broker::Broker::InstanceLoad)> then);

  /// What Core has something of: a process, a log or files.
  struct Known {
    std::string name;
    std::string content_hash;
    bool wanted = false;   ///< Its process was started and not stopped since.
    bool leaving = false;  ///< Removed; its processes are ending.
    std::string problem;   ///< Why it could not even be started.
    std::vector<std::function<void()>> when_gone;
    std::vector<Watch> watches;
  };
  struct Job {
    bool deployment = false;
    std::stop_source stop;
    std::thread thread;
  };

  const Options options_;
  const AvailableServices available_;
  const std::string path_;  ///< Of services, standard services first.
  broker::Broker& broker_;
  Fetcher fetcher_;
  NameLocks names_;
  /// Files are removed under the exclusive lock; whoever brings some in holds the shared one until
  /// they belong to an instance.
  std::shared_mutex content_;
  std::atomic<bool> garbage_ = true;
  Guarded<std::map<std::string, Known>> known_;  ///< By instance hash. Changed on the executor.
  std::list<Job> jobs_;                          ///< On the executor.
  std::atomic<std::size_t> deploying_ = 0;       ///< How many of them are deployments.
  bool stopping_ = false;                        ///< On the executor.
  std::function<void()> on_drained_;             ///< On the executor, once no job is left.
  /// Shared with callbacks of the broker, which can come when all this is gone.
  std::shared_ptr<Executor> executor_ = std::make_shared<Executor>();
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace mesg::runtime
