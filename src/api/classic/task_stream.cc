#include "api/classic/task_stream.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "api/classic/out_stream.h"
#include "api/classic/texts.h"
#include "broker/broker.h"

namespace mesg::api::classic {
namespace {

class TaskStream final : public OutStream<wire::TaskData>, public broker::WorkerSink {
 public:
  TaskStream(grpc::CallbackServerContext& context, const Core& core)
      : OutStream(context, core), broker_(*core.broker), name_(WorkerName(context)) {}

  void Connect(const std::shared_ptr<TaskStream>& self, Result<broker::InstancePtr> instance) {
    if (!instance) {
      End(ToStatus(instance.error()));
      return;
    }
    instance_ = *std::move(instance);
    broker_.ConnectWorker({Hash(), name_, {}, broker_.GetSettings().limits.worker_credits}, self,
                          [self](Result<broker::WorkerId> id) { self->Ready(std::move(id)); });
  }

  void Deliver(const broker::Delivery& delivery) override {
    const std::string& inputs = delivery.execution.inputs;
    if (inputs.size() > kPayloadBytes) {
      Refuse(delivery.id,
             fmt::format("the inputs have {} bytes, and a service that uses the API of 2018 can "
                         "be sent at most {}",
                         inputs.size(), kPayloadBytes));
      return;
    }
    wire::TaskData message;
    message.set_executionid(std::string(delivery.id));
    message.set_taskkey(delivery.execution.task);
    message.set_inputdata(inputs.empty() ? "{}" : inputs);
    Send(std::move(message));
  }

  /// There is no message for it. What is not sent yet is not sent; what the process works on cannot
  /// be stopped, and its credit must not be lost with it.
  void Cancelled(std::string_view delivery_id, std::string_view reason) override {
    Withdraw([&](const wire::TaskData& queued) { return queued.executionid() == delivery_id; });
    if (const auto id = Id()) {
      broker_.RefuseDelivery(*id, std::string(delivery_id), std::string(reason));
    }
  }

  void Drain() override { EndIfDeleted(); }
  void Flush() override {}

 private:
  const std::string& Hash() const { return instance_->GetSource()->instance_hash; }

  void Ready(Result<broker::WorkerId> id) {
    if (!id) {
      End(ToStatus(id.error()));
      return;
    }
    bool over = false;
    {
      const std::scoped_lock lock(mutex_);
      id_ = *id;
      over = over_;
    }
    if (over) {
      broker_.DisconnectWorker(*id);
      return;
    }
    Open();
    EndIfDeleted();
  }
  void EndIfDeleted() {
    if (broker_.Deployed()->FindInstance(Hash()) != nullptr) return;
    End(ToStatus(NotFound("service \"{}\" was deleted or replaced", instance_->Name())
                     .Because("INSTANCE_NOT_FOUND")));
  }
  /// No attempt of this instance could do better.
  void Refuse(std::string_view delivery_id, std::string why) {
    broker_.Answer(Hash(), name_,
                   {{std::string(delivery_id), engine::Failure{std::move(why), true}, {}, {}}},
                   [](const auto&) {});
  }
  void Over() override {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    if (const auto id = Id()) broker_.DisconnectWorker(*id);
  }
  std::optional<broker::WorkerId> Id() const {
    const std::scoped_lock lock(mutex_);
    return id_;
  }

  broker::Broker& broker_;
  const std::string name_;
  broker::InstancePtr instance_;
  mutable std::mutex mutex_;
  std::optional<broker::WorkerId> id_;
  bool over_ = false;
};

Result<broker::InstancePtr> InstanceOf(const Core& core, const wire::ListenTaskRequest& request) {
  if (core.gate) MESG_TRY(core.gate->Check());
  MESG_TRY(CheckTexts({{"token", request.token()}}));
  return core.broker->Deployed()->FindByToken(request.token());
}

}  // namespace

grpc::ServerWriteReactor<wire::TaskData>* ListenTasks(grpc::CallbackServerContext& context,
                                                      const Core& core,
                                                      const wire::ListenTaskRequest& request) {
  auto stream = std::make_shared<TaskStream>(context, core);
  auto* reactor = stream->Begin(stream);
  stream->Connect(stream, InstanceOf(core, request));
  return reactor;
}

}  // namespace mesg::api::classic
