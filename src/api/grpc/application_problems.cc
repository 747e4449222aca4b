#include "api/grpc/application_problems.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "api/grpc/application_wire.h"
#include "api/grpc/errors.h"

namespace mesg::api {
namespace {

using runtime::ServiceState;
using runtime::ServiceStatus;

std::string ProblemOf(const std::string& name, const std::vector<ServiceStatus>& services) {
  const auto found = std::ranges::find_if(services, [&](const ServiceStatus& each) {
    return each.instance->Record().source->name == name && each.state != ServiceState::kDraining;
  });
  if (found == services.end()) return fmt::format("{} is not deployed", name);
  if (found->workers > 0) return "";
  switch (found->state) {
    case ServiceState::kStopped:
      if (!found->managed) return fmt::format("no worker of {} is connected", name);
      return fmt::format("{} is stopped; `mesg service start {}`", name, name);
    case ServiceState::kRestarting:
    case ServiceState::kFailed:
      return fmt::format("{} does not run: {}", name, found->reason);
    case ServiceState::kStarting:
    case ServiceState::kRunning:
    case ServiceState::kDraining:
      break;
  }
  return "";
}

}  // namespace

void ApplicationProblems::Tell(const broker::Catalog& catalog,
                               const std::vector<ServiceStatus>& services,
                               const std::string& content, v1::Application& application) {
  for (const auto& [alias, name] : application.services()) {
    std::string problem = ProblemOf(name, services);
    if (!problem.empty()) {
      (*application.mutable_service_problems())[alias] = ToUtf8(problem);
    }
  }
  application.set_problem(ToUtf8(Misfit(catalog, content, application)));
}

std::string ApplicationProblems::Misfit(const broker::Catalog& catalog, const std::string& content,
                                        const v1::Application& application) {
  constexpr std::size_t kMostRemembered = 10'000;
  v1::ValidateApplicationRequest request;
  request.mutable_file()->set_name(application.file_name());
  request.mutable_file()->set_content(content);
  std::string versions = application.hash();
  // In one order, whatever the map's is.
  for (const auto& [alias, name] :
       std::map(application.services().begin(), application.services().end())) {
    const auto found = catalog.Find(name);
    if (!found) continue;
    versions += ' ' + (*found)->Record().source->instance_hash;
    (*request.mutable_definitions())[alias] = (*found)->Definition().Canonical();
  }
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = misfits_.find(versions); known != misfits_.end()) return known->second;
  }
  const v1::ValidateApplicationResponse checked = ValidateApplication(request);
  std::string misfit;
  if (!checked.errors().empty()) {
    const v1::Diagnostic& first = checked.errors(0);
    misfit =
        fmt::format("it does not fit its services any more: {}: {}", first.path(), first.message());
  }
  const std::scoped_lock lock(mutex_);
  if (misfits_.size() >= kMostRemembered) misfits_.clear();
  return misfits_.emplace(std::move(versions), std::move(misfit)).first->second;
}

}  // namespace mesg::api
