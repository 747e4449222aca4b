#pragma once

#include <stop_token>
#include <string>

#include "base/result.h"
#include "broker/broker.h"
#include "model/service_definition.h"
#include "runtime/fetch/fetcher.h"
#include "runtime/process/supervisor.h"
#include "runtime/services/available_services.h"
#include "runtime/services/name_locks.h"
#include "runtime/services/service_manager.h"

namespace mesg::runtime {

/// One deployment, from where the files are to the record in the broker.
///
/// Threads: one, which it blocks. Lifetime: borrows everything.
class Deployment {
 public:
  struct Rooms {
    const Fetcher& fetcher;
    const AvailableServices& available;
    const Supervisor& supervisor;
    broker::Broker& broker;
    NameLocks& names;
  };

  Deployment(Rooms rooms, ServiceManager::Progress progress, std::stop_token stop)
      : rooms_(rooms), progress_(std::move(progress)), stop_(std::move(stop)) {}

  /// The instance as the broker has it, active and durable. Until then nothing is changed but the
  /// content store.
  Result<broker::InstancePtr> Run(DeployRequest request);

 private:
  /// What an instance is made of.
  struct Material {
    ServiceDefinition definition;
    Fetched files;  ///< Without a folder when there is the contract alone.
    std::string origin;
  };
  Result<Material> Obtain(DeployRequest& request) const;
  Result<Fetched> Fetch(DeployRequest& request, std::string& origin) const;
  Result<engine::Instance> Describe(const DeployRequest& request, const Material& material) const;
  Result<void> Install(const engine::Instance& instance, const Fetched& files) const;
  Result<broker::InstancePtr> Register(engine::Instance instance) const;
  void Tell(std::string step, std::string message, bool done = false) const;

  Rooms rooms_;
  ServiceManager::Progress progress_;
  std::stop_token stop_;
};

}  // namespace mesg::runtime
