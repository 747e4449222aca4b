#include "api/classic/deploy_stream.h"

#include <algorithm>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "api/classic/out_stream.h"
#include "api/classic/texts.h"
#include "runtime/services/service_manager.h"

namespace mesg::api::classic {
namespace {

using Reactor = grpc::ServerBidiReactor<wire::DeployServiceRequest, wire::DeployServiceReply>;

class DeployStream final : public OutStream<wire::DeployServiceReply, Reactor> {
 public:
  DeployStream(grpc::CallbackServerContext& context, const Core& core)
      : OutStream(context, core), services_(*core.services) {}

  void Start(std::weak_ptr<DeployStream> self, const Result<void>& open) {
    weak_ = std::move(self);
    if (!open) {
      End(ToStatus(open.error()));
      return;
    }
    Open();
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (deploying_ || IsOver()) return;
    if (!ok) {
      ArchiveIsWhole();
      return;
    }
    const auto taken = Take();
    if (!taken) {
      End(ToStatus(taken.error()));
    } else if (!deploying_) {
      StartRead(&request_);
    }
  }

 private:
  Result<void> Take() {
    for (const auto& variable : request_.env()) {
      MESG_TRY(CheckTexts({{"env", variable.key()}, {"env", variable.value()}}));
      env_[variable.key()] = variable.value();
    }
    switch (request_.value_case()) {
      case wire::DeployServiceRequest::kUrl:
        MESG_TRY(CheckTexts({{"url", request_.url()}}));
        Deploy(request_.url());
        return {};
      case wire::DeployServiceRequest::kChunk:
        if (archive_ == nullptr) archive_ = MESG_TRY(services_.Upload());
        return archive_->Append(request_.chunk());
      case wire::DeployServiceRequest::VALUE_NOT_SET:
        return {};
    }
    return {};
  }

  void ArchiveIsWhole() {
    if (archive_ == nullptr) {
      End(ToStatus(InvalidArgument("nothing to deploy: neither a url nor an archive came")));
      return;
    }
    Deploy(std::move(archive_));
  }

  void Deploy(runtime::DeployRequest::From from) {
    deploying_ = true;
    // gRPC is in a reaction of this stream, so that it is still there.
    const std::shared_ptr<DeployStream> self = weak_.lock();
    runtime::DeployRequest request;
    request.from = std::move(from);
    request.env = std::move(env_);
    services_.Deploy(
        std::move(request),
        [self](const runtime::DeployProgress& progress) { self->Report(progress); },
        stop_.get_token(),
        [self](const Result<runtime::ServiceStatus>& deployed) { self->Answer(deployed); });
  }

  void Report(const runtime::DeployProgress& progress) {
    wire::DeployServiceReply reply;
    wire::DeployServiceReply::Status& status = *reply.mutable_status();
    status.set_message(progress.message.empty() ? progress.step : progress.message);
    status.set_type(progress.done ? wire::DeployServiceReply::Status::DONE_POSITIVE
                                  : wire::DeployServiceReply::Status::RUNNING);
    Send(std::move(reply));
  }

  void Answer(const Result<runtime::ServiceStatus>& deployed) {
    wire::DeployServiceReply reply;
    if (deployed) {
      const std::string& sid = deployed->instance->Name();
      reply.set_serviceid(sid);
      reply.mutable_service()->set_sid(sid);
      reply.mutable_service()->set_hash(deployed->instance->GetSource()->instance_hash);
    } else if (IsAboutTheFile(deployed.error())) {
      reply.set_validationerror(ToUtf8(deployed.error().message));
    } else {
      End(ToStatus(deployed.error()));
      return;
    }
    Send(std::move(reply));
    End(grpc::Status::OK);
  }

  /// What is wrong stands in the mesg.yml, on a line of it.
  static bool IsAboutTheFile(const Error& error) {
    return error.code == Code::kInvalidArgument &&
           std::ranges::any_of(error.violations,
                               [](const Violation& violation) { return violation.line > 0; });
  }

  void Over() override { stop_.request_stop(); }

  runtime::ServiceManager& services_;
  std::weak_ptr<DeployStream> weak_;
  wire::DeployServiceRequest request_;
  std::map<std::string, std::string> env_;
  std::unique_ptr<runtime::ArchiveUpload> archive_;
  bool deploying_ = false;
  std::stop_source stop_;
};

}  // namespace

Reactor* Deploy(grpc::CallbackServerContext& context, const Core& core) {
  auto stream = std::make_shared<DeployStream>(context, core);
  Reactor* reactor = stream->Begin(stream);
  stream->Start(stream, core.gate ? core.gate->Check() : Result<void>());
  return reactor;
}

}  // namespace mesg::api::classic
