#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "api/grpc/batch_stream.h"
#include "api/grpc/emitting.h"

namespace mesg::api {

/// Events.EmitStream: requests of one instance, answered in their order.
class EmitStream final : public BatchStream<v1::EmitRequest, v1::EmitResponse> {
 public:
  using BatchStream::BatchStream;

 private:
  Result<void> Open() override;
  void Received(v1::EmitRequest& request) override;
  void HalfClosed() override;
  bool Fill(v1::EmitResponse& response) override;
  bool HasRoom() const override;
  void Ended() override {}

  void Answered(std::uint64_t request, EmitQueue::Outcome outcome);

  broker::InstancePtr instance_;
  std::atomic<std::size_t> under_way_ = 0;  // Requests read and not answered.
  std::mutex mutex_;
  EmitQueue queue_;
  bool half_closed_ = false;
};

}  // namespace mesg::api
