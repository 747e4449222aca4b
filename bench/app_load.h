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
#include "native_load.h"

namespace mesg::bench {

/// Emits events that each start a workflow, and hears the results of its tasks.
///
/// The number of the event, its data's `id`, is in every result. A workflow is over when the result
/// of its last task is heard: it is recorded in the commit that ends the run.
class WorkflowLoad final {
 public:
  static constexpr std::uint32_t kTasks = 3;

  WorkflowLoad(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service);

  Result<void> WaitReady();
  /// So many workflows, `in_flight` at a time. How long that took.
  Result<std::chrono::duration<double>> Run(std::size_t workflows, std::size_t in_flight);
  /// So many workflows, begun at this rate whatever became of those before. From the moment at
  /// which each was due to its end, in microseconds.
  Result<std::vector<double>> RunAtRate(std::size_t workflows, double rate);

 private:
  class Listener final : private Duplex<v1::ListenRequest, v1::ListenResponse> {
   public:
    explicit Listener(const std::shared_ptr<grpc::Channel>& channel);
    ~Listener() override { Close(); }
    Result<void> WaitReady();
    void Restart(std::size_t workflows);
    Result<void> WaitForEnds(std::size_t workflows);
    std::size_t ends();
    /// When each workflow ended, by its number.
    std::vector<SteadyClock::time_point> times();
    /// Ends every wait with this.
    void GiveUp(const Error& error);

   private:
    void Received(v1::ListenResponse& response) override;
    bool Fill(v1::ListenRequest& request) override;

    const std::unique_ptr<v1::Events::Stub> stub_;
    bool opened_ = false;
    bool ready_ = false;
    std::size_t ends_ = 0;
    std::vector<std::uint8_t> results_;
    std::vector<SteadyClock::time_point> times_;
  };

  class Emitter final : private Duplex<v1::EmitRequest, v1::EmitResponse> {
   public:
    Emitter(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service,
            Listener& listener);
    ~Emitter() override { Close(); }
    /// Emits the next `events`; returns at once. When Core refuses one, the listener fails.
    void Emit(std::size_t events);
    void Restart();

   private:
    void Received(v1::EmitResponse& response) override;
    bool Fill(v1::EmitRequest& request) override;

    const std::unique_ptr<v1::Events::Stub> stub_;
    Listener& listener_;
    std::uint64_t next_ = 0;
    std::size_t to_send_ = 0;
  };

  Listener listener_;
  Emitter emitter_;
};

}  // namespace mesg::bench
