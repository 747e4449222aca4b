#include "runtime/services/service_manager_impl.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/redactor.h"
#include "runtime/services/deployment.h"

namespace mesg::runtime {
namespace {

std::string PathOf(const ServiceManager::Options& options) {
  const auto inherited = options.supervisor.inherited.find("PATH");
  std::string standard = options.standard_services.string();
  if (inherited == options.supervisor.inherited.end()) return standard;
  return standard.empty() ? inherited->second : standard + ":" + inherited->second;
}

ServiceState StateOf(InstanceState state) {
  switch (state) {
    case InstanceState::kStopped:
      return ServiceState::kStopped;
    case InstanceState::kStarting:
      return ServiceState::kStarting;
    case InstanceState::kRunning:
      return ServiceState::kRunning;
    case InstanceState::kRestarting:
      return ServiceState::kRestarting;
    case InstanceState::kFailed:
      return ServiceState::kFailed;
  }
  return ServiceState::kStopped;
}

void LogChange(const InstanceStatus& status) {
  if (status.state == InstanceState::kFailed) {
    // The reason has its last words, which might tell a secret.
    spdlog::warn("service {} failed to run; `mesg service show {}` says why", status.name,
                 status.name);
  }
}

}  // namespace

ServiceManager::Impl::Impl(Options options, broker::Broker& broker, Fetcher fetcher)
    : options_(std::move(options)),
      available_(options_.available_services),
      path_(PathOf(options_)),
      broker_(broker),
      fetcher_(std::move(fetcher)) {}

ServiceManager::Impl::~Impl() {
  std::promise<void> drained;
  executor_->Post([this, &drained] {
    stopping_ = true;
    on_drained_ = [&drained] { drained.set_value(); };
    for (Job& job : jobs_) job.stop.request_stop();
    // All at once, installations too, which a job may be waiting for.
    if (supervisor_) {
      for (const InstanceStatus& status : supervisor_->List()) supervisor_->Stop(status.id, {});
    }
    if (jobs_.empty()) std::exchange(on_drained_, nullptr)();
  });
  drained.get_future().wait();
  executor_->Stop();
}

Result<void> ServiceManager::Impl::Start(const Clock& clock) {
  supervisor_ = MESG_TRY(Supervisor::Make(options_.supervisor, clock, LogChange));
  for (const std::string& id : supervisor_->Survivors()) {
    spdlog::warn("ended the processes that instance {} had left running", id);
  }
  // Weak, since the broker keeps its observer longer than this lives.
  broker_.ObserveInstances([this, executor = std::weak_ptr(executor_)](
                               const broker::InstancePtr& instance, bool /*removed*/) {
    if (const auto running = executor.lock()) {
      running->Post([this, hash = instance->GetSource()->instance_hash] { Follow(hash); });
    }
  });
  executor_->Post([this] { StartSweep(); });
  return {};
}

// ---- Following ----

void ServiceManager::Impl::Follow(const std::string& hash) {
  if (stopping_) return;
  const broker::InstancePtr instance = broker_.Deployed()->FindInstance(hash);
  enum class Need { kNothing, kStart, kStop, kLeave } need = Need::kNothing;
  known_.With([&](auto& map) {
    if (!instance) {
      const auto found = map.find(hash);
      if (found == map.end() || found->second.leaving) return;
      found->second.leaving = true;
      need = Need::kLeave;
      return;
    }
    Known& known = map[hash];
    if (known.leaving) return;  // Looked at again when its processes have ended.
    known.name = instance->Name();
    known.content_hash = instance->Record().content_hash;
    const engine::Instance& record = instance->Record();
    const bool wanted = record.started && !known.content_hash.empty() &&
                        record.state != engine::Instance::State::kDeleting;
    if (wanted != known.wanted) need = wanted ? Need::kStart : Need::kStop;
    known.wanted = wanted;
  });
  switch (need) {
    case Need::kNothing:
      break;
    case Need::kStart:
      StartProcess(instance);
      break;
    case Need::kStop:
      supervisor_->Stop(hash, {});
      break;
    case Need::kLeave:
      supervisor_->Stop(hash, [this, executor = executor_, hash] {
        executor->Post([this, hash] { Leave(hash); });
      });
      break;
  }
}

void ServiceManager::Impl::StartProcess(const broker::InstancePtr& instance) {
  const std::string& hash = instance->GetSource()->instance_hash;
  const auto start = [&]() -> Result<void> {
    MESG_TRY(fetcher_.Find(instance->Record().content_hash));
    return supervisor_->Start(SpecOf(*instance));
  };
  const auto started = start();
  if (!started) spdlog::error("cannot start {}: {}", instance->Name(), started.error().message);
  known_.With([&](auto& map) { map[hash].problem = started ? "" : started.error().message; });
}

void ServiceManager::Impl::Leave(const std::string& hash) {
  if (broker_.Deployed()->FindInstance(hash)) {  // Deployed again meanwhile.
    known_.With([&](auto& map) { map[hash].leaving = map[hash].wanted = false; });
    Follow(hash);
    return;
  }
  if (const auto forgotten = supervisor_->Forget(hash); !forgotten) {
    spdlog::error("cannot forget instance {}: {}", hash, forgotten.error().message);
  }
  Known gone;
  known_.With([&](auto& map) {
    const auto found = map.find(hash);
    if (found == map.end()) return;
    gone = std::move(found->second);
    map.erase(found);
  });
  for (const auto& then : gone.when_gone) then();
  for (const Watch& watch : gone.watches) {
    if (const auto alive = watch.lock()) (*alive)();
  }
  StartSweep();
}

void ServiceManager::Impl::WhenGone(const std::string& name, std::function<void()> then) {
  const auto catalog = broker_.Deployed();
  const auto left = std::make_shared<std::size_t>(1);
  const std::function<void()> one_less = [left, then = std::move(then)] {
    if (--*left == 0) then();
  };
  std::vector<std::string> leaving;
  known_.With([&](auto& map) {
    for (auto& [hash, known] : map) {
      if (known.name != name || catalog->FindInstance(hash)) continue;
      ++*left;
      known.when_gone.push_back(one_less);
      leaving.push_back(hash);
    }
  });
  for (const std::string& hash : leaving) Follow(hash);
  one_less();
}

void ServiceManager::Impl::AddWatch(const std::string& hash, const Watch& watch) {
  Follow(hash);  // So that it is known, unless it is gone.
  const bool gone = known_.With([&](auto& map) {
    const auto found = map.find(hash);
    if (found == map.end()) return true;
    std::erase_if(found->second.watches, [](const Watch& other) { return other.expired(); });
    found->second.watches.push_back(watch);
    return false;
  });
  const auto alive = watch.lock();
  if (gone && alive) (*alive)();
}

// ---- Jobs ----

void ServiceManager::Impl::RunJob(bool deployment,
                                  std::function<void(const std::stop_token&)> work) {
  Job& job = jobs_.emplace_back();
  job.deployment = deployment;
  if (deployment) ++deploying_;
  job.thread = std::thread([this, &job, stop = job.stop.get_token(), work = std::move(work)] {
    work(stop);
    executor_->Post([this, &job] {
      job.thread.join();
      if (job.deployment) --deploying_;
      jobs_.remove_if([&job](const Job& other) { return &other == &job; });
      if (jobs_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
    });
  });
}

void ServiceManager::Impl::Deploy(DeployRequest request, Progress progress, std::stop_token stop,
                                  const Answer<ServiceStatus>& answer) {
  const std::size_t running = deploying_;
  if (stopping_) return answer(Unavailable("Core is shutting down"));
  if (running >= options_.deployments) {
    return answer(ResourceExhausted("{} deployments run already, retry when one is done", running)
                      .Because("TOO_MANY_DEPLOYMENTS"));
  }
  const auto shared = std::make_shared<DeployRequest>(std::move(request));
  RunJob(true, [this, shared, progress = std::move(progress), stop = std::move(stop),
                answer](const std::stop_token& job_stop) {
    std::stop_source either;
    const std::stop_callback caller(stop, [&either] { either.request_stop(); });
    const std::stop_callback core(job_stop, [&either] { either.request_stop(); });
    const bool start = shared->start;
    auto deployed = [&] {
      const std::shared_lock lock(content_);
      garbage_ = true;
      return Deployment({fetcher_, available_, *supervisor_, broker_, names_}, progress,
                        either.get_token())
          .Run(std::move(*shared));
    }();
    if (!deployed) {
      answer(std::move(deployed).error());
    } else {
      const broker::InstancePtr instance = *deployed;
      spdlog::info("deployed {} as instance {}", instance->Name(),
                   instance->GetSource()->instance_hash);
      if (instance->Record().started && progress) progress({"start", "starting", false});
      executor_->Post([this, instance, start, answer] {
        Follow(instance->GetSource()->instance_hash);
        // Also when it was given up before.
        if (start && !stopping_) StartProcess(instance);
        AnswerStatus(instance, answer);
      });
    }
    if (!job_stop.stop_requested()) SweepIfIdle();
  });
}

void ServiceManager::Impl::StartSweep() {
  garbage_ = true;
  if (stopping_) return;
  RunJob(false, [this](const std::stop_token&) { SweepIfIdle(); });
}

void ServiceManager::Impl::SweepIfIdle() {
  // Whoever cannot have the lock leaves the work, through garbage_, to the one who has it.
  while (garbage_) {
    const std::unique_lock lock(content_, std::try_to_lock);
    if (!lock) return;
    if (!garbage_.exchange(false)) continue;
    std::set<std::string> needed;
    known_.With([&](const auto& map) {
      for (const auto& [hash, known] : map) needed.insert(known.content_hash);
    });
    for (const broker::InstancePtr& instance : broker_.Deployed()->Instances()) {
      needed.insert(instance->Record().content_hash);
    }
    for (const std::string& content : fetcher_.List()) {
      if (needed.contains(content)) continue;
      supervisor_->RemovePrepared(content);
      fetcher_.Remove(content);
    }
  }
}

// ---- Views ----

InstanceSpec ServiceManager::Impl::SpecOf(const broker::DeployedInstance& instance) const {
  InstanceSpec spec;
  spec.id = instance.GetSource()->instance_hash;
  spec.name = instance.Name();
  spec.content_hash = instance.Record().content_hash;
  spec.folder = fetcher_.FolderOf(spec.content_hash);
  const ServiceEnvironment environment = EnvironmentOf(instance);
  spec.run = instance.Definition().Run();
  spec.env.insert(environment.env.begin(), environment.env.end());
  if (const std::string& deferred = instance.Record().deferred_env; !deferred.empty()) {
    spec.secrets = [secrets = options_.secrets, deferred] {
      return FillEnvironment(deferred, secrets);
    };
  }
  if (const auto& health = instance.Definition().Health()) {
    spec.health = HealthSpec{health->command, health->interval, health->timeout};
  }
  return spec;
}

ServiceEnvironment ServiceManager::Impl::EnvironmentOf(
    const broker::DeployedInstance& instance) const {
  ServiceEnvironment environment;
  environment.env = instance.Record().env;
  environment.env["MESG_ENDPOINT"] = options_.endpoint;
  environment.env["MESG_ENDPOINT_TCP"] = options_.endpoint;
  environment.env["MESG_TOKEN"] = instance.Record().token;
  environment.env["MESG_SERVICE"] = instance.Name();
  const auto own = instance.Record().env.find("PATH");
  environment.env["PATH"] = own == instance.Record().env.end()
                                ? path_
                                : options_.standard_services.string() + ":" + own->second;
  const std::string& content = instance.Record().content_hash;
  if (!content.empty()) {
    environment.folder =
        supervisor_->FindPrepared(content).value_or(fetcher_.FolderOf(content)).string();
  }
  return environment;
}

std::string ServiceManager::Impl::WithoutSecrets(const broker::DeployedInstance& instance,
                                                 const std::string& text) const {
  if (text.empty()) return text;
  std::vector<std::string> values;
  for (const EnvDefinition& variable : instance.Definition().Env()) {
    const auto set = instance.Record().env.find(variable.key);
    if (variable.secret && set != instance.Record().env.end()) values.push_back(set->second);
  }
  if (const std::string& deferred = instance.Record().deferred_env; !deferred.empty()) {
    if (const auto filled = FillEnvironment(deferred, options_.secrets)) {
      values.insert(values.end(), filled->values.begin(), filled->values.end());
    }
  }
  return Redactor(values).Text(text);
}

ServiceStatus ServiceManager::Impl::StatusOf(const broker::InstancePtr& instance,
                                             const broker::Broker::InstanceLoad& load) const {
  const engine::Instance& record = instance->Record();
  ServiceStatus status;
  status.instance = instance;
  status.workers = load.workers;
  status.problem = WithoutSecrets(*instance, load.problem);
  status.open_executions = load.open;
  status.managed = !record.content_hash.empty();
  const auto process = supervisor_->Status(record.source->instance_hash);
  const bool wanted = record.started && status.managed;
  if (process) {
    status.state = StateOf(process->state);
    status.reason = process->reason;
    status.restarts = process->restarts;
    status.pid = process->pid;
  }
  const std::string problem = known_.With([&](const auto& map) {
    const auto found = map.find(record.source->instance_hash);
    return found == map.end() ? std::string() : found->second.problem;
  });
  if (wanted && !problem.empty()) {
    status.state = ServiceState::kFailed;
    status.reason = problem;
  } else if (wanted && status.state == ServiceState::kStopped) {
    status.state = ServiceState::kStarting;  // Its process was asked for a moment ago.
  }
  if (record.state == engine::Instance::State::kDraining) {
    const std::string why = std::exchange(status.reason, {});
    status.reason = fmt::format("{} open executions are pinned to it; its process is {}", load.open,
                                process ? Name(process->state) : "not Core's");
    if (!why.empty()) status.reason += ": " + why;
    status.state = ServiceState::kDraining;
  } else if (record.state == engine::Instance::State::kDeleting) {
    status.reason =
        fmt::format("it is being deleted; {} open executions are still to be cancelled", load.open);
    status.state = ServiceState::kDraining;
  }
  return status;
}

void ServiceManager::Impl::WithLoad(const broker::InstancePtr& instance,
                                    std::function<void(broker::Broker::InstanceLoad)> then) {
  broker_.Load(instance, [executor = executor_, then = std::move(then)](
                             const Result<broker::Broker::InstanceLoad>& load) {
    executor->Post([then, load = load.value_or(broker::Broker::InstanceLoad())] { then(load); });
  });
}

void ServiceManager::Impl::AnswerStatus(const broker::InstancePtr& instance,
                                        const Answer<ServiceStatus>& answer) {
  WithLoad(instance, [this, instance, answer](const broker::Broker::InstanceLoad& load) {
    const auto now = broker_.Deployed()->FindInstance(instance->GetSource()->instance_hash);
    answer(StatusOf(now ? now : instance, load));
  });
}

}  // namespace mesg::runtime
