#include "api/grpc/deploy_call.h"

#include <utility>

#include "api/grpc/service_wire.h"
#include "runtime/fetch/origin.h"

namespace mesg::api {
namespace {

/// Lines of npm beyond these are left out while the client does not read.
constexpr std::size_t kMaxWaiting = 256;

Error At(Error error, std::string path) {
  error.violations.push_back({std::move(path), error.message});
  return error;
}

}  // namespace

void DeployCall::OnReadDone(bool ok) {
  if (!ok) {
    // The end of what the client sends, or of the client.
    if (call_.IsCancelled()) return End(grpc::Status::CANCELLED);
    if (!opened_) return End(ToStatus(InvalidArgument("expected `open` first, got nothing")));
    return Deploy();
  }
  if (auto received = Receive(); !received) {
    StopUpload();
    return End(ToStatus(received.error()));
  }
  if (upload_) {
    StartRead(&request_);
  } else {
    Deploy();
  }
}

Result<void> DeployCall::Receive() {
  switch (request_.request_case()) {
    case v1::DeployRequest::kOpen:
      if (opened_) return InvalidArgument("expected chunks of the archive, got another `open`");
      opened_ = true;
      return Opened(request_.open());
    case v1::DeployRequest::kChunk:
      if (!opened_) return InvalidArgument("expected `open` first, got a chunk");
      return upload_->Append(request_.chunk());
    case v1::DeployRequest::REQUEST_NOT_SET:
      break;
  }
  return InvalidArgument("expected `open` or `chunk`, got neither");
}

Result<void> DeployCall::Opened(const v1::DeployRequest::Open& open) {
  wanted_.env.insert(open.env().begin(), open.env().end());
  wanted_.templates.texts.insert(open.templates().begin(), open.templates().end());
  wanted_.templates.inputs.insert(open.template_inputs().begin(), open.template_inputs().end());
  wanted_.templates.env.insert(open.template_env().begin(), open.template_env().end());
  wanted_.name = open.name();
  wanted_.start = open.start();
  switch (open.from_case()) {
    case v1::DeployRequest::Open::kFolder:
      if (!open.folder().starts_with('/')) {
        return At(InvalidArgument("the folder must be an absolute path on Core's machine"),
                  "open.folder");
      }
      wanted_.from = open.folder();
      return {};
    case v1::DeployRequest::Open::kUrl: {
      const auto origin = runtime::Origin::Parse(open.url());
      if (!origin || origin->kind == runtime::Origin::Kind::kFolder ||
          origin->kind == runtime::Origin::Kind::kArchive) {
        return At(InvalidArgument("expected the URL of a .tar.gz or of a git repository"),
                  "open.url");
      }
      wanted_.from = open.url();
      return {};
    }
    case v1::DeployRequest::Open::kArchive: {
      if (uploads_.fetch_add(1) >= kMaxUploads) {
        uploads_.fetch_sub(1);
        return ResourceExhausted("{} archives arrive already, retry when one is there",
                                 kMaxUploads);
      }
      auto upload = services_.Upload();
      if (!upload) {
        uploads_.fetch_sub(1);
        return std::move(upload).error();
      }
      upload_ = *std::move(upload);
      return {};
    }
    case v1::DeployRequest::Open::kService:
      wanted_.from = runtime::DeployRequest::Deployed{open.service()};
      return {};
    case v1::DeployRequest::Open::kAvailable:
      wanted_.from = runtime::DeployRequest::Available{open.available()};
      return {};
    case v1::DeployRequest::Open::FROM_NOT_SET:
      break;
  }
  return At(
      InvalidArgument(
          "expected a folder, a url, an archive, a service or one that is available, got none"),
      "open.from");
}

void DeployCall::StopUpload() {
  if (std::exchange(upload_, nullptr)) uploads_.fetch_sub(1);
}

void DeployCall::Deploy() {
  {
    const std::scoped_lock lock(mutex());
    if (IsEnding()) return;
    deploying_ = true;
  }
  if (upload_) {
    uploads_.fetch_sub(1);
    wanted_.from = std::move(upload_);
  }
  const auto progress = [self = Self()](const runtime::DeployProgress& step) {
    const std::scoped_lock lock(self->mutex());
    if (!step.done && self->waiting_.size() >= kMaxWaiting) return;
    v1::DeployResponse::Progress& wire = *self->waiting_.emplace_back().mutable_progress();
    wire.set_step(step.step);
    wire.set_message(ToUtf8(step.message));
    wire.set_done(step.done);
    self->Pump();
  };
  services_.Deploy(std::move(wanted_), progress, stop_.get_token(),
                   [self = Self()](const Result<runtime::ServiceStatus>& deployed) {
                     if (!deployed) return self->End(ToStatus(deployed.error()));
                     {
                       const std::scoped_lock lock(self->mutex());
                       ToWire(*deployed, true, *self->waiting_.emplace_back().mutable_deployed());
                     }
                     self->End(grpc::Status::OK);
                   });
}

bool DeployCall::Fill(v1::DeployResponse& response) {
  if (waiting_.empty()) return false;
  response.Swap(&waiting_.front());
  waiting_.pop_front();
  return true;
}

void DeployCall::OnCancel() {
  stop_.request_stop();
  const std::scoped_lock lock(mutex());
  Break();
  Pump();
}

void DeployCall::Closing() {
  stop_.request_stop();
  bool deploying = false;
  {
    const std::scoped_lock lock(mutex());
    deploying = deploying_;
  }
  if (!deploying) End(ToStatus(Stopping()));
}

}  // namespace mesg::api
