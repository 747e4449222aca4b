#include "api/grpc/services_service.h"

#include <atomic>
#include <functional>
#include <utility>

#include <grpcpp/support/server_callback.h>

#include "api/grpc/deploy_call.h"
#include "api/grpc/errors.h"
#include "api/grpc/logs_call.h"
#include "api/grpc/service_wire.h"
#include "api/grpc/unary.h"
#include "mesg/v1/services.grpc.pb.h"

namespace mesg::api {
namespace {

using Call = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

class ServicesService final : public v1::Services::CallbackService {
 public:
  explicit ServicesService(const Core& core) : services_(*core.services), gate_(core.gate) {}

  Reactor* Validate(Call* call, const v1::ValidateServiceRequest* request,
                    v1::ValidateServiceResponse* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      *response = ValidateDefinition(request->definition());
      reactor->Finish(grpc::Status::OK);
    });
  }

  grpc::ServerBidiReactor<v1::DeployRequest, v1::DeployResponse>* Deploy(Call* call) override {
    return DeployCall::Begin(std::make_shared<DeployCall>(*call, gate_, services_, uploads_));
  }

  Reactor* List(Call* call, const v1::ListServicesRequest*,
                v1::ListServicesResponse* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.List([reactor, response](const Result<std::vector<runtime::ServiceStatus>>& all) {
        if (!reactor->Claim()) return;
        if (!all) return reactor->Finish(ToStatus(all.error()));
        for (const auto& status : *all) ToWire(status, false, *response->add_services());
        reactor->Finish(grpc::Status::OK);
      });
    });
  }

  Reactor* ListAvailable(Call* call, const v1::ListAvailableServicesRequest*,
                         v1::ListAvailableServicesResponse* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      for (const ServiceDefinition& definition : services_.Available()) {
        ToWire(definition, false, *response->add_services());
      }
      reactor->Finish(grpc::Status::OK);
    });
  }

  Reactor* Get(Call* call, const v1::GetServiceRequest* request, v1::Service* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.Get(request->service(), AnswerWith(reactor, response));
    });
  }

  Reactor* Start(Call* call, const v1::StartServiceRequest* request,
                 v1::Service* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.StartService(request->service(), AnswerWith(reactor, response));
    });
  }

  Reactor* Stop(Call* call, const v1::StopServiceRequest* request, v1::Service* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.StopService(request->service(), AnswerWith(reactor, response));
    });
  }

  Reactor* Delete(Call* call, const v1::DeleteServiceRequest* request,
                  v1::DeleteServiceResponse*) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.Delete(request->service(), request->keep_data(), request->force(),
                       [reactor](const Result<void>& deleted) {
                         reactor->Finish(deleted ? grpc::Status::OK : ToStatus(deleted.error()));
                       });
    });
  }

  grpc::ServerWriteReactor<v1::ServiceLogsResponse>* Logs(
      Call*, const v1::ServiceLogsRequest* request) override {
    return LogsCall::Begin(std::make_shared<LogsCall>(gate_, services_, *request));
  }

  Reactor* GetEnvironment(Call* call, const v1::GetEnvironmentRequest* request,
                          v1::GetEnvironmentResponse* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      const auto environment = services_.Environment(request->service());
      if (!environment) return reactor->Finish(ToStatus(environment.error()));
      for (const auto& [key, value] : environment->env) (*response->mutable_env())[key] = value;
      response->set_folder(ToUtf8(environment->folder));
      reactor->Finish(grpc::Status::OK);
    });
  }

  Reactor* MovePinned(Call* call, const v1::MovePinnedRequest* request,
                      v1::MovePinnedResponse* response) override {
    return Guarded(call, [&](const UnaryCallPtr& reactor) {
      services_.MovePinned(request->service(),
                           [reactor, response](const Result<broker::Broker::Moved>& moved) {
                             if (!reactor->Claim()) return;
                             if (!moved) return reactor->Finish(ToStatus(moved.error()));
                             response->set_moved(moved->moved);
                             for (const std::string& kept : moved->kept)
                               response->add_kept(ToUtf8(kept));
                             reactor->Finish(grpc::Status::OK);
                           });
    });
  }

 private:
  /// Does `work`, which finishes the call, unless Core takes no calls now.
  Reactor* Guarded(Call* call, const std::function<void(const UnaryCallPtr&)>& work) const {
    if (const auto open = gate_ ? gate_->Check() : Result<void>(); !open)
      return Finish(*call, open.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(gate_);
    work(reactor);
    return reactor.get();
  }

  static runtime::ServiceManager::Reply<runtime::ServiceStatus> AnswerWith(
      const UnaryCallPtr& reactor, v1::Service* response) {
    return [reactor, response](const Result<runtime::ServiceStatus>& status) {
      if (!reactor->Claim()) return;
      if (!status) return reactor->Finish(ToStatus(status.error()));
      ToWire(*status, true, *response);
      reactor->Finish(grpc::Status::OK);
    };
  }

  runtime::ServiceManager& services_;
  const std::shared_ptr<Gate> gate_;
  std::atomic<int> uploads_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeServicesService(const Core& core) {
  return std::make_unique<ServicesService>(core);
}

}  // namespace mesg::api
