#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "api/grpc/batch_stream.h"
#include "broker/broker.h"
#include "mesg/v1/executions.pb.h"

namespace mesg::api {

/// Executions.ExecuteStream: many executions asked for and waited for in one call.
class ExecuteStream final
    : public BatchStream<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse> {
 public:
  ExecuteStream(Context& context, grpc::CallbackServerContext& call);
  ~ExecuteStream() override;

 private:
  class Sink;

  struct Created {
    std::uint64_t ref = 0;
    Result<engine::Created> result;
  };
  struct Finished {
    std::uint64_t ref = 0;
    engine::ExecutionPtr execution;
  };
  /// Those of one request that wait, or those that do not.
  struct Part {
    std::vector<broker::ExecutionRequest> requests;
    std::vector<std::uint64_t> refs;
  };

  void Received(v1::ExecuteStreamRequest& request) override;
  void HalfClosed() override;
  bool Fill(v1::ExecuteStreamResponse& response) override;
  bool HasRoom() const override;
  void Ended() override;

  void Ask(Part part, bool wait);
  void Answered(const std::vector<std::uint64_t>& refs, bool wait,
                std::vector<Result<engine::Created>> results);
  void AddFinished(std::uint64_t ref, const engine::ExecutionPtr& execution);
  void WaitAgain(const std::vector<std::pair<std::uint64_t, ExecutionId>>& waits);
  bool IsOver() const;

  const std::shared_ptr<Sink> sink_;
  std::atomic<std::size_t> under_way_ = 0;  ///< Creates read and not answered.

  std::mutex mutex_;
  bool half_closed_ = false;
  std::size_t unanswered_ = 0;  ///< The same as under_way_, but until the answer is here.
  std::size_t waits_ = 0;       ///< Results still to be said.
  std::deque<Created> created_;
  std::deque<Finished> finished_;
  std::size_t finished_bytes_ = 0;
  /// Results that were too much to keep: they are asked for again.
  std::deque<std::pair<std::uint64_t, ExecutionId>> put_off_;
};

}  // namespace mesg::api
