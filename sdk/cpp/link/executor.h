#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "link/connection.h"
#include "link/stream.h"
#include "mesg/application.h"
#include "mesg/v1/executions.grpc.pb.h"

namespace mesg::sdk::internal {

ExecutionResult FromWire(const std::string& id, v1::ExecutionState state,
                         const v1::Outcome& outcome);
Execution FromWire(const v1::Execution& wire);

/// Asks for executions over one stream, in batches; unanswered requests are repeated on a new
/// connection under their idempotency keys. Any thread.
class Executor final : private StreamHandler<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse> {
 public:
  /// For a request that does not wait, the result holds the id alone.
  using Done = std::function<void(Result<ExecutionResult>)>;

  Executor(Connection& connection, std::size_t max_pending);
  /// Fails what is pending with Cancelled.
  ~Executor() override;

  /// The reference to Forget it by. An error means that `done` will not be called.
  Result<std::uint64_t> Ask(v1::CreateExecutionRequest request, bool wait, Done done);
  /// The answer is no longer wanted. False when it is being given.
  bool Forget(std::uint64_t ref);

 private:
  struct Pending {
    v1::ExecuteStreamRequest::Create create;
    Done done;
    std::string id;  // Once Core has made it.
    std::chrono::steady_clock::time_point asked;
  };

  void Opened() override {}
  bool Fill(v1::ExecuteStreamRequest& request) override;
  bool Received(v1::ExecuteStreamResponse& response) override;
  bool Closed(const Error& error) override;

  std::optional<Pending> Take(std::uint64_t ref);

  Connection& connection_;
  const std::size_t max_pending_;
  const std::string key_prefix_;
  const std::unique_ptr<v1::Executions::Stub> stub_;
  std::mutex mutex_;
  std::map<std::uint64_t, Pending> pending_;  // In the order of asking.
  std::deque<std::uint64_t> to_send_;
  std::uint64_t next_ref_ = 1;
  std::optional<Error> final_;
  std::shared_ptr<Stream<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse>> stream_;
};

}  // namespace mesg::sdk::internal
