#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <stop_token>

#include "api/grpc/pull_stream.h"
#include "mesg/v1/services.pb.h"
#include "runtime/services/service_manager.h"

namespace mesg::api {

/// One Deploy: takes the archive if there is one, has it deployed, and passes on how it goes. A
/// client that leaves stops its deployment.
class DeployCall final
    : public PullStream<grpc::ServerBidiReactor<v1::DeployRequest, v1::DeployResponse>,
                        v1::DeployResponse> {
 public:
  /// How many archives may arrive at once; more are RESOURCE_EXHAUSTED.
  static constexpr int kMaxUploads = 16;

  /// `uploads` counts those that arrive, of all calls.
  DeployCall(grpc::CallbackServerContext& call, std::shared_ptr<Gate> gate,
             runtime::ServiceManager& services, std::atomic<int>& uploads)
      : PullStream(std::move(gate)), call_(call), services_(services), uploads_(uploads) {}

  void OnReadDone(bool ok) override;
  void OnCancel() override;

 private:
  void Open() override { StartRead(&request_); }
  bool Fill(v1::DeployResponse& response) override;
  void Closing() override;
  void Over() override { StopUpload(); }

  Result<void> Receive();
  Result<void> Opened(const v1::DeployRequest::Open& open);
  void Deploy();
  void StopUpload();
  std::shared_ptr<DeployCall> Self() {
    return std::static_pointer_cast<DeployCall>(shared_from_this());
  }

  grpc::CallbackServerContext& call_;
  runtime::ServiceManager& services_;
  std::atomic<int>& uploads_;
  // Of the reading side: one reaction at a time.
  v1::DeployRequest request_;
  runtime::DeployRequest wanted_;
  bool opened_ = false;
  std::unique_ptr<runtime::ArchiveUpload> upload_;
  // Of both sides, under mutex().
  std::deque<v1::DeployResponse> waiting_;
  bool deploying_ = false;
  std::stop_source stop_;
};

}  // namespace mesg::api
