#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/grpc/batch_stream.h"
#include "broker/broker.h"
#include "mesg/v1/events.pb.h"

namespace mesg::api {

/// Events.Listen: a listener of the broker as long as the call lasts.
class ListenStream final : public BatchStream<v1::ListenRequest, v1::ListenResponse> {
 public:
  ListenStream(Context& context, grpc::CallbackServerContext& call);
  ~ListenStream() override;

 private:
  class Sink;

  /// Items of one partition that travel in one message, built as they come.
  struct Chunk {
    v1::ListenResponse message;
    std::size_t bytes = 0;
    engine::PartitionId partition = 0;
    std::vector<std::uint64_t> sequences;  ///< Of the items.
  };

  void Received(v1::ListenRequest& request) override;
  void HalfClosed() override;
  bool Fill(v1::ListenResponse& response) override;
  /// Requests are few and small; only acknowledgements pile up, and the latest stands for all.
  bool HasRoom() const override { return true; }
  void Ended() override;

  Result<void> OpenListener(const v1::ListenRequest::Open& open);
  Result<void> OpenSubscription(const v1::ListenRequest::Open& open);
  void Ready(Result<broker::ListenerId> ready);
  void Stop();

  // For the sink, from the broker's threads.
  void Push(engine::PartitionId partition, std::span<const broker::Item> items,
            std::uint64_t sequence);
  void AddItem(engine::PartitionId partition, const broker::Item& item);
  Chunk& ChunkFor(engine::PartitionId partition);
  bool SinkHasRoom();
  bool IsRoomy(std::size_t most_bytes) const;
  bool TakeChunk(v1::ListenResponse& response);

  Result<void> Acknowledge(const std::string& text);
  void SendAcknowledgement();
  void Acknowledged(const std::string& text, const broker::Position& position,
                    const Result<void>& result);
  bool MayEnd() const;

  const std::shared_ptr<Sink> sink_;
  bool opened_ = false;
  std::string subscription_;  ///< "" for one without a name. Constant once opened.
  std::size_t window_ = 0;    ///< Of a subscription.

  mutable std::mutex mutex_;
  std::optional<broker::ListenerId> listener_;
  bool stopped_ = false;
  bool half_closed_ = false;
  bool ready_to_say_ = false;  ///< The first message is still to be said.
  bool said_ready_ = false;
  broker::Position position_;       ///< Behind everything that was pushed.
  broker::Position said_position_;  ///< Behind everything that was said.
  std::deque<std::unique_ptr<Chunk>> chunks_;
  std::unique_ptr<Chunk> spare_;
  std::size_t waiting_bytes_ = 0;
  std::size_t waiting_items_ = 0;
  bool full_ = false;  ///< The broker was told that there is no room.
  /// Subscriptions: sequences of what was sent and not acknowledged, of each partition.
  std::vector<std::deque<std::uint64_t>> unacknowledged_;
  std::size_t in_window_ = 0;
  std::optional<std::string> to_acknowledge_;
  bool acknowledging_ = false;
  std::string acknowledged_;  ///< Durable, and still to be said.
};

}  // namespace mesg::api
