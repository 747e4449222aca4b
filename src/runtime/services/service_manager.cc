#include "runtime/services/service_manager.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "runtime/services/identity.h"
#include "runtime/services/service_manager_impl.h"

namespace mesg::runtime {
namespace {

using broker::Broker;
using broker::InstancePtr;

bool IsDraining(const InstancePtr& instance) {
  return instance->Record().state == engine::Instance::State::kDraining;
}

bool IsDeleting(const InstancePtr& instance) {
  return instance->Record().state == engine::Instance::State::kDeleting;
}

/// As Catalog::Find, and where that finds nothing, what is being deleted: it takes no work, but
/// whoever deletes it must be able to look at it and to ask again. By name before sid and service
/// hash, the newest where several fit.
Result<InstancePtr> FindEvenDeleting(const broker::Catalog& catalog, std::string_view service) {
  auto found = catalog.Find(service);
  if (found || found.error().code != Code::kNotFound) return found;
  const auto rank = [&](const InstancePtr& instance) {
    return std::pair(instance->Name() == service, instance->Record().deployed);
  };
  InstancePtr deleting;
  for (const InstancePtr& instance : catalog.Instances()) {
    const bool fits = instance->Name() == service || instance->Record().sid == service ||
                      instance->GetSource()->service_hash == service;
    if (!fits || !IsDeleting(instance)) continue;
    if (!deleting || rank(instance) > rank(deleting)) deleting = instance;
  }
  if (deleting) return deleting;
  return found;
}

/// Adds up answers of several instances; the first error counts. On the executor.
struct Moving {
  explicit Moving(Answer<Broker::Moved> the_answer) : answer(std::move(the_answer)) {}
  void Add(Result<Broker::Moved> one) {
    if (!one) return answer(std::move(one).error());
    sum.moved += one->moved;
    std::ranges::move(one->kept, std::back_inserter(sum.kept));
    if (--left == 0) answer(std::move(sum));
  }
  Answer<Broker::Moved> answer;
  Broker::Moved sum;
  std::size_t left = 0;
};

}  // namespace

ServiceManager::ServiceManager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServiceManager::~ServiceManager() = default;

Result<std::unique_ptr<ServiceManager>> ServiceManager::Start(Options options, Broker& broker,
                                                              const Clock& clock) {
  Fetcher fetcher = MESG_TRY(Fetcher::Open(options.fetcher));
  auto impl = std::make_unique<Impl>(std::move(options), broker, std::move(fetcher));
  MESG_TRY(impl->Start(clock));
  return std::unique_ptr<ServiceManager>(new ServiceManager(std::move(impl)));
}

Result<std::unique_ptr<ArchiveUpload>> ServiceManager::Upload() { return impl_->fetcher_.Upload(); }

std::size_t ServiceManager::Deploying() const { return impl_->deploying_; }

void ServiceManager::Deploy(DeployRequest request, Progress progress, std::stop_token stop,
                            Reply<ServiceStatus> reply) {
  const Answer<ServiceStatus> answer(std::move(reply));
  const auto shared = std::make_shared<DeployRequest>(std::move(request));
  const auto admitted = impl_->executor_->Submit(
      [impl = impl_.get(), shared, progress = std::move(progress), stop = std::move(stop), answer] {
        impl->Deploy(std::move(*shared), progress, stop, answer);
      });
  if (!admitted) answer(admitted.error());
}

std::vector<ServiceDefinition> ServiceManager::Available() const {
  return impl_->available_.List();
}

void ServiceManager::List(Reply<std::vector<ServiceStatus>> reply) {
  struct Listing {
    explicit Listing(Reply<std::vector<ServiceStatus>> the_reply) : answer(std::move(the_reply)) {}
    Answer<std::vector<ServiceStatus>> answer;
    std::vector<ServiceStatus> all;
    std::size_t left = 0;
  };
  const auto listing = std::make_shared<Listing>(std::move(reply));
  const auto instances = impl_->broker_.Deployed()->Instances();
  if (instances.empty()) return listing->answer(std::vector<ServiceStatus>());
  listing->left = instances.size();
  for (const InstancePtr& instance : instances) {
    impl_->WithLoad(instance, [impl = impl_.get(), instance, listing](const auto& load) {
      listing->all.push_back(impl->StatusOf(instance, load));
      if (--listing->left > 0) return;
      std::ranges::sort(listing->all, {}, [](const ServiceStatus& status) {
        return std::tuple(status.instance->Name(), IsDraining(status.instance),
                          status.instance->Record().deployed,
                          status.instance->GetSource()->instance_hash);
      });
      listing->answer(std::move(listing->all));
    });
  }
}

void ServiceManager::Get(const std::string& service, Reply<ServiceStatus> reply) {
  const auto instance = FindEvenDeleting(*impl_->broker_.Deployed(), service);
  if (!instance) return reply(instance.error());
  impl_->AnswerStatus(*instance, Answer<ServiceStatus>(std::move(reply)));
}

void ServiceManager::StartService(const std::string& service, Reply<ServiceStatus> reply) {
  const Answer<ServiceStatus> answer(std::move(reply));
  const auto found = impl_->broker_.Deployed()->Find(service);
  if (!found) return answer(found.error());
  const InstancePtr& instance = *found;
  if (instance->Record().content_hash.empty()) {
    return answer(NothingToStart(instance->Name()));
  }
  impl_->broker_.SetStarted(
      instance, true,
      [impl = impl_.get(), executor = impl_->executor_, instance, answer](const Result<void>& set) {
        if (!set) return answer(set.error());
        executor->Post([impl, instance, answer] {
          const std::string& hash = instance->GetSource()->instance_hash;
          impl->Follow(hash);
          const auto now = impl->broker_.Deployed()->FindInstance(hash);
          // One that failed is tried anew, one that runs is left alone.
          if (now && now->Record().started && !impl->stopping_) impl->StartProcess(now);
          impl->AnswerStatus(instance, answer);
        });
      });
}

void ServiceManager::StopService(const std::string& service, Reply<ServiceStatus> reply) {
  const Answer<ServiceStatus> answer(std::move(reply));
  const auto found = impl_->broker_.Deployed()->Find(service);
  if (!found) return answer(found.error());
  const InstancePtr& instance = *found;
  impl_->broker_.SetStarted(
      instance, false,
      [impl = impl_.get(), executor = impl_->executor_, instance, answer](const Result<void>& set) {
        if (!set) return answer(set.error());
        executor->Post([impl, executor, instance, answer] {
          const std::string& hash = instance->GetSource()->instance_hash;
          impl->Follow(hash);
          impl->supervisor_->Stop(hash, [impl, executor, instance, answer] {
            executor->Post([impl, instance, answer] { impl->AnswerStatus(instance, answer); });
          });
        });
      });
}

void ServiceManager::Delete(const std::string& service, bool keep_data, bool force,
                            Reply<void> reply) {
  const Answer<void> answer(std::move(reply));
  const auto found = FindEvenDeleting(*impl_->broker_.Deployed(), service);
  if (!found) return answer(found.error());
  const InstancePtr& instance = *found;
  impl_->broker_.Undeploy(
      instance->Name(), keep_data, force,
      [impl = impl_.get(), executor = impl_->executor_, name = instance->Name(),
       joins = IsDeleting(instance), answer](const Result<void>& undeployed) {
        // One that was under way when this began, and of which nothing is left, is done.
        const bool done = undeployed || (joins && undeployed.error().code == Code::kNotFound);
        if (!done) return answer(undeployed.error());
        executor->Post([impl, name, answer] { impl->WhenGone(name, [answer] { answer({}); }); });
      });
}

void ServiceManager::MovePinned(const std::string& service, Reply<Broker::Moved> reply) {
  const auto moving = std::make_shared<Moving>(Answer<Broker::Moved>(std::move(reply)));
  const auto catalog = impl_->broker_.Deployed();
  const auto found = catalog->Find(service);
  if (!found) return moving->answer(found.error());
  std::vector<InstancePtr> draining;
  for (const InstancePtr& instance : catalog->Instances()) {
    const bool meant =
        IsDraining(*found) ? instance == *found : instance->Name() == (*found)->Name();
    if (meant && IsDraining(instance)) draining.push_back(instance);
  }
  if (draining.empty()) {
    return moving->answer(FailedPrecondition(
        "no instance of \"{}\" is draining: there is nothing to move", (*found)->Name()));
  }
  moving->left = draining.size();
  for (const InstancePtr& instance : draining) {
    impl_->broker_.MovePinned(
        instance, [executor = impl_->executor_, moving](Result<Broker::Moved> moved) {
          const auto shared = std::make_shared<Result<Broker::Moved>>(std::move(moved));
          executor->Post([moving, shared] { moving->Add(std::move(*shared)); });
        });
  }
}

Result<ServiceEnvironment> ServiceManager::Environment(const std::string& service) const {
  const InstancePtr instance = MESG_TRY(impl_->broker_.Deployed()->Find(service));
  return impl_->EnvironmentOf(*instance);
}

Result<std::vector<LogLine>> ServiceManager::ReadLog(const std::string& service,
                                                     std::size_t tail) const {
  const InstancePtr instance = MESG_TRY(FindEvenDeleting(*impl_->broker_.Deployed(), service));
  return impl_->supervisor_->ReadLog(instance->GetSource()->instance_hash, tail);
}

Result<std::shared_ptr<void>> ServiceManager::WhenGone(const std::string& service,
                                                       std::function<void()> on_gone) {
  const InstancePtr instance = MESG_TRY(FindEvenDeleting(*impl_->broker_.Deployed(), service));
  auto watch = std::make_shared<std::function<void()>>(std::move(on_gone));
  impl_->executor_->Post([impl = impl_.get(), hash = instance->GetSource()->instance_hash,
                          weak = std::weak_ptr(watch)] { impl->AddWatch(hash, weak); });
  return std::shared_ptr<void>(std::move(watch));
}

Result<std::unique_ptr<LogSubscription>> ServiceManager::FollowLog(const std::string& service,
                                                                   std::size_t tail,
                                                                   Supervisor::OnLines on_lines) {
  const InstancePtr instance = MESG_TRY(FindEvenDeleting(*impl_->broker_.Deployed(), service));
  return impl_->supervisor_->FollowLog(instance->GetSource()->instance_hash, tail,
                                       std::move(on_lines));
}

}  // namespace mesg::runtime
