#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/grpc/batch_stream.h"
#include "api/grpc/emitting.h"
#include "broker/broker.h"
#include "mesg/v1/worker.pb.h"

namespace mesg::api {

/// Worker.Connect: a worker of the broker as long as the call lasts.
class WorkerStream final : public BatchStream<v1::WorkerMessage, v1::CoreMessage> {
 public:
  WorkerStream(Context& context, grpc::CallbackServerContext& call);
  ~WorkerStream() override;

 private:
  class Sink;

  Result<void> Open() override;
  void Received(v1::WorkerMessage& message) override;
  void HalfClosed() override;
  bool Fill(v1::CoreMessage& message) override;
  bool HasRoom() const override;
  void Closing() override;
  void Ended() override;

  Result<void> Greet(const v1::WorkerMessage::Hello& hello);
  void Connected(const Result<broker::WorkerId>& worker, std::uint32_t asked);
  void TakeAnswers(v1::WorkerMessage& message);
  void Answered(const std::vector<std::string>& delivery_ids,
                const std::vector<Result<engine::Emitted>>& results);
  void TakeEmits(v1::WorkerMessage& message);
  void Emitted(std::uint64_t request, EmitQueue::Outcome outcome);
  void Disconnect();

  // For the sink, from the broker's threads.
  void Deliver(const broker::Delivery& delivery);
  void Cancelled(std::string_view delivery_id, std::string_view reason);
  void Drain();

  v1::CoreMessage& Last();
  bool IsOver() const;
  bool HoldsNothing() const;

  const std::shared_ptr<Sink> sink_;
  broker::InstancePtr instance_;
  std::string name_;
  bool greeted_ = false;
  std::atomic<std::size_t> under_way_ = 0;  ///< Answers and emits read and not answered.

  std::mutex mutex_;
  std::optional<broker::WorkerId> worker_;
  bool disconnected_ = false;
  bool half_closed_ = false;
  bool closing_ = false;
  /// Deliveries that were neither answered nor handed back nor cancelled. An answer to a delivery
  /// of an earlier connection counts too, so it may be too low.
  std::int64_t held_ = 0;
  std::size_t unanswered_ = 0;
  EmitQueue emits_;
  /// What is to be said, in messages; each keeps the order that clients read one in: accepted, then
  /// deliveries, then cancelled.
  std::deque<std::unique_ptr<v1::CoreMessage>> messages_;
  std::size_t last_bytes_ = 0;  ///< Of the payloads in the last one.
  std::unique_ptr<v1::CoreMessage> spare_;
};

}  // namespace mesg::api
