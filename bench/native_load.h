#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "duplex.h"
#include "measured_service.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::bench {

using SteadyClock = std::chrono::steady_clock;

/// Emits events of the bench service through EmitStream.
class EmitLoad final : private Duplex<v1::EmitRequest, v1::EmitResponse> {
 public:
  /// `batch` events a request, `batches` requests unanswered at most. The order's number is counted
  /// up to `numbers` and begins again.
  EmitLoad(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service,
           const char* event, std::size_t batch, std::size_t batches, std::size_t numbers);
  ~EmitLoad() override { Close(); }

  /// Emits so many requests and waits until each is acknowledged. How long that took.
  Result<std::chrono::duration<double>> Run(std::size_t requests);

 private:
  void Received(v1::EmitResponse& response) override;
  bool Fill(v1::EmitRequest& request) override;

  const std::unique_ptr<v1::Events::Stub> stub_;
  const std::size_t batches_;
  v1::EmitRequest template_;
  std::size_t to_send_ = 0;
  std::size_t unanswered_ = 0;
};

/// Listens and counts.
class ListenLoad final : private Duplex<v1::ListenRequest, v1::ListenResponse> {
 public:
  ListenLoad(const std::shared_ptr<grpc::Channel>& channel, std::vector<v1::Filter> filters);
  ~ListenLoad() override { Close(); }

  Result<void> WaitReady();
  /// Until it has got so many items.
  Result<void> WaitForItems(std::uint64_t items);
  std::uint64_t items();

 private:
  void Received(v1::ListenResponse& response) override;
  bool Fill(v1::ListenRequest& request) override;

  const std::unique_ptr<v1::Events::Stub> stub_;
  std::vector<v1::Filter> filters_;
  bool opened_ = false;
  bool ready_ = false;
  std::uint64_t items_ = 0;
};

/// A worker of the bench service that answers each delivery with its inputs.
class EchoWorker final : private Duplex<v1::WorkerMessage, v1::CoreMessage> {
 public:
  EchoWorker(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service,
             std::uint32_t credits);
  ~EchoWorker() override { Close(); }

  Result<void> WaitReady();

 private:
  void Received(v1::CoreMessage& message) override;
  bool Fill(v1::WorkerMessage& message) override;

  const std::unique_ptr<v1::Worker::Stub> stub_;
  v1::WorkerMessage next_;
  bool welcome_ = false;
};

/// Asks for executions through ExecuteStream and waits for their results.
class ExecuteLoad final : private Duplex<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse> {
 public:
  explicit ExecuteLoad(const std::shared_ptr<grpc::Channel>& channel);
  ~ExecuteLoad() override { Close(); }

  /// Performs so many, `in_flight` at a time. How long that took.
  Result<std::chrono::duration<double>> Run(std::size_t executions, std::size_t in_flight);
  /// Of the last Run, from the request to the result, in microseconds.
  const std::vector<double>& latencies() const { return latencies_; }

 private:
  void Received(v1::ExecuteStreamResponse& response) override;
  bool Fill(v1::ExecuteStreamRequest& request) override;

  const std::unique_ptr<v1::Executions::Stub> stub_;
  const std::string payload_ = Payload();
  std::size_t allowed_ = 0;  // To be asked for now.
  std::size_t left_ = 0;     // Not asked for yet, those included.
  std::size_t finished_ = 0;
  std::vector<SteadyClock::time_point> asked_;
  std::vector<double> latencies_;
};

/// What a listener of every event and result of the bench service asks for.
std::vector<v1::Filter> Everything();

}  // namespace mesg::bench
