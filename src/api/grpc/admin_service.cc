#include "api/grpc/admin_service.h"

#include <utility>

#include <grpcpp/support/server_callback.h>
#include <unistd.h>

#include "api/grpc/errors.h"
#include "api/grpc/gate.h"
#include "broker/broker.h"
#include "mesg/v1/admin.grpc.pb.h"

namespace mesg::api {
namespace {

std::uint64_t CountActive(const broker::Broker& broker) {
  std::uint64_t count = 0;
  for (const broker::InstancePtr& instance : broker.Deployed()->Instances()) {
    if (instance->Record().state == engine::Instance::State::kActive) ++count;
  }
  return count;
}

void ToWire(const CoreStatus& status, v1::StatusResponse& wire) {
  wire.set_ready(status.ready);
  wire.set_version(status.version);
  wire.set_started_us(ToMicros(status.started));
  wire.set_pid(getpid());
  wire.set_data_directory(ToUtf8(status.data_directory));
  wire.set_durability(status.durability);
  for (const LimitView& view : status.limits) {
    v1::Limit& limit = *wire.add_limits();
    limit.set_name(view.name);
    limit.set_limit(view.limit);
    if (view.used) limit.set_used(*view.used);
    limit.set_unit(view.unit);
  }
  for (const CounterView& view : status.counters) {
    v1::Counter& counter = *wire.add_counters();
    counter.set_name(view.name);
    counter.set_value(view.value);
  }
  wire.mutable_recovery()->set_last_sequence(status.last_sequence);
  wire.mutable_recovery()->set_bytes_cut(status.bytes_cut);
  wire.mutable_recovery()->set_open_executions(status.open_executions);
  wire.mutable_recovery()->set_duration_us(status.recovery_time.count());
  wire.set_grpc_address(status.grpc_address);
  wire.set_http_address(status.http_address);
}

class AdminService final : public v1::Admin::CallbackService {
 public:
  explicit AdminService(Core core) : core_(std::move(core)) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* call,
                                   const google::protobuf::Empty*,
                                   v1::StatusResponse* response) override {
    grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
    if (const auto open = Check(); !open) {
      reactor->Finish(ToStatus(open.error()));
      return reactor;
    }
    if (core_.status) ToWire(core_.status(), *response);
    if (core_.broker != nullptr) {
      const broker::Counters counters = core_.broker->Count();
      response->set_services(CountActive(*core_.broker));
      response->set_workers(counters.workers);
      response->set_listeners(counters.listeners);
    }
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* call,
                                     const google::protobuf::Empty*,
                                     google::protobuf::Empty*) override {
    grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
    const auto open = Check();
    reactor->Finish(open ? grpc::Status::OK : ToStatus(open.error()));
    if (open && core_.shutdown) core_.shutdown();
    return reactor;
  }

 private:
  Result<void> Check() const {
    if (core_.gate) return core_.gate->Check();
    return {};
  }
  const Core core_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(const Core& core) {
  return std::make_unique<AdminService>(core);
}

}  // namespace mesg::api
