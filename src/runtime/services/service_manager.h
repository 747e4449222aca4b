#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "broker/broker.h"
#include "runtime/fetch/fetcher.h"
#include "runtime/process/supervisor.h"
#include "runtime/services/env_templates.h"

namespace mesg::runtime {

enum class ServiceState : std::uint8_t {
  kStopped,     ///< Core keeps no process for it. One that has its token may connect.
  kStarting,    ///< Its process is being installed or about to exist.
  kRunning,     ///< Its process exists.
  kRestarting,  ///< Its process ended, and a pause runs before the next.
  kFailed,      ///< Given up after too many early ends; `reason` says why.
  kDraining,    ///< Replaced: finishes what is pinned to it. Or being deleted.
};

/// One instance with what becomes of it.
struct ServiceStatus {
  broker::InstancePtr instance;
  ServiceState state = ServiceState::kStopped;
  std::string reason;
  std::size_t workers = 0;
  std::uint64_t open_executions = 0;
  std::uint32_t restarts = 0;
  pid_t pid = 0;
  bool managed = false;  ///< It has something to start.
  std::string problem;   ///< What its process says does not work, without secrets; "" is well.
};

struct DeployRequest {
  /// What is deployed already, by name or hash: its files are used again.
  struct Deployed {
    std::string service;
  };
  /// One that comes with MESG, by name.
  struct Available {
    std::string name;
  };
  /// What Origin::Parse reads, or an archive that has arrived.
  using From = std::variant<std::string, std::unique_ptr<ArchiveUpload>, Deployed, Available>;

  From from;
  std::map<std::string, std::string> env;
  std::string name;  ///< Of the instance; "" means the sid.
  bool start = false;
  EnvTemplates templates = {};  ///< More of its environment.
};

struct DeployProgress {
  std::string step;  ///< "fetch", "validate", "install", "register", "start".
  std::string message;
  bool done = false;
};

/// The environment a service's process gets, and where it runs.
struct ServiceEnvironment {
  /// The token too: a secret. What is put in place only when the process starts is `***`.
  std::map<std::string, std::string> env;
  std::string folder;  ///< "" when Core keeps no files of it.
};

/// Services from the folder they come in to the process that runs: joins what is deployed (broker)
/// with the files (Fetcher) and the processes (Supervisor). What is wanted is recorded in the
/// broker; this follows it, also after a restart of Core.
///
/// Threads: every method from any thread. None blocks, except where it says so; replies come once,
/// from a thread of the manager or of the broker (or, when refused at once, from the caller's), and
/// must not block. What Core's end leaves undone is answered Unavailable.
class ServiceManager {
 public:
  template <typename T>
  using Reply = std::function<void(Result<T>)>;
  using Progress = std::function<void(const DeployProgress&)>;

  struct Options {
    std::string endpoint;  ///< What services connect to: "127.0.0.1:50052".
    /// Where the services that come with MESG are; first in the PATH of every service.
    std::filesystem::path standard_services;
    /// A folder for each of them, with its mesg.yml.
    std::filesystem::path available_services;
    app::Deferred::Secrets secrets = {};  ///< For environments; any thread. None: none is set.
    std::size_t deployments = 4;          ///< At once; more are ResourceExhausted.
    Fetcher::Options fetcher;
    SupervisorOptions supervisor;
  };

  /// Ends what a former Core left running, observes `broker`, and starts every instance that is to
  /// run. `broker` and `clock` are borrowed and must outlive it.
  static Result<std::unique_ptr<ServiceManager>> Start(Options options, broker::Broker& broker,
                                                       const Clock& clock);
  /// Stops deployments, then all processes, and waits for their ends.
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  /// An archive that comes in pieces; hand it to Deploy when it is whole.
  Result<std::unique_ptr<ArchiveUpload>> Upload();

  /// Fetches, validates, checks the environment against what the definition declares (unknown and
  /// missing required variables are InvalidArgument, with one violation each), registers, and with
  /// `start` prepares and starts. The same definition, files, environment and name is the same
  /// instance and keeps its token. Otherwise the active instance of that name starts to drain; its
  /// process is stopped once nothing is pinned to it. With `start`, or when the replaced instance
  /// was started, the new one is started; npm packages are installed before anything is replaced.
  ///
  /// A second deployment of a name waits for the first from where both are found valid, and then
  /// replaces it. Files without anything to start are not kept: their instance is the contract and
  /// the environment, and its process is the user's. Stopped through `stop`, it is Cancelled and
  /// nothing is registered. `progress` comes from a thread of this deployment and may block it.
  void Deploy(DeployRequest request, Progress progress, std::stop_token stop,
              Reply<ServiceStatus> reply);

  /// Deployments that run right now.
  std::size_t Deploying() const;

  /// What can be deployed by name because it comes with MESG. Reads the disk.
  std::vector<ServiceDefinition> Available() const;

  /// Ordered by name, draining ones behind the active of their name.
  void List(Reply<std::vector<ServiceStatus>> reply);
  /// `service` as Catalog::Find takes it, here and below. One that is being deleted is found by
  /// Get, Delete and what reads its log.
  void Get(const std::string& service, Reply<ServiceStatus> reply);
  /// FailedPrecondition when there is nothing to start.
  void StartService(const std::string& service, Reply<ServiceStatus> reply);
  /// Answers when no process of it is left. Those that drain under the same name go on.
  void StopService(const std::string& service, Reply<ServiceStatus> reply);
  /// Every instance of the name. FailedPrecondition while work is pinned to it, unless `force`.
  /// A deletion that is under way already is joined, with or without `force`; FailedPrecondition
  /// when it does otherwise with the data. Answers when no process of it is left.
  void Delete(const std::string& service, bool keep_data, bool force, Reply<void> reply);
  /// From a draining instance, or, given the active one, from all that drain under its name.
  void MovePinned(const std::string& service, Reply<broker::Broker::Moved> reply);

  /// What Core gives the process: the service's own variables, MESG_* and PATH.
  Result<ServiceEnvironment> Environment(const std::string& service) const;
  /// See Supervisor::ReadLog and FollowLog. Blocks on the disk for a moment.
  Result<std::vector<LogLine>> ReadLog(const std::string& service, std::size_t tail) const;
  Result<std::unique_ptr<LogSubscription>> FollowLog(const std::string& service, std::size_t tail,
                                                     Supervisor::OnLines on_lines);

  /// Calls `on_gone` once, from a thread of the manager, when that instance was deleted or has
  /// drained; not once what is returned has gone.
  Result<std::shared_ptr<void>> WhenGone(const std::string& service, std::function<void()> on_gone);

 private:
  class Impl;
  explicit ServiceManager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::runtime
