#include "link/executor.h"

#include <utility>
#include <vector>

namespace mesg::sdk::internal {
namespace {

constexpr int kBatchCreates = 512;
constexpr std::size_t kBatchBytes = 512 * 1024;

// A repeat is harmless only while Core remembers the key: for 24 hours unless configured otherwise.
constexpr std::chrono::hours kRepeatable{6};

}  // namespace

ExecutionResult FromWire(const std::string& id, v1::ExecutionState state,
                         const v1::Outcome& outcome) {
  return {.id = id,
          .state = static_cast<ExecutionState>(state),
          .output_key = outcome.output_key(),
          .outputs = outcome.outputs(),
          .error = outcome.error()};
}

Execution FromWire(const v1::Execution& wire) {
  return {.id = wire.id(),
          .service = wire.source().service(),
          .task = wire.task(),
          .inputs = wire.inputs(),
          .tags = {wire.tags().begin(), wire.tags().end()},
          .state = static_cast<ExecutionState>(wire.state()),
          .attempts = static_cast<unsigned>(wire.attempts_size()),
          .result = FromWire(wire.id(), wire.state(), wire.outcome()),
          .position = wire.position(),
          .waiting_for = wire.waiting_for()};
}

Executor::Executor(Connection& connection, std::size_t max_pending)
    : connection_(connection),
      max_pending_(max_pending),
      key_prefix_(UniqueId() + "-"),
      stub_(v1::Executions::NewStub(connection.channel())),
      stream_(std::make_shared<Stream<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse>>(
          connection, AsHandler(), [this](auto* context, auto* reactor) {
            stub_->async()->ExecuteStream(context, reactor);
          })) {}

Executor::~Executor() {
  stream_->Stop();
  stream_->WaitClosed();
  for (auto& [ref, pending] : pending_) {
    pending.done(mesg::Cancelled("the application is closing; an execution asked for may go on"));
  }
}

Result<std::uint64_t> Executor::Ask(v1::CreateExecutionRequest request, bool wait, Done done) {
  std::uint64_t ref = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (final_) return *final_;
    if (pending_.size() >= max_pending_) {
      return ResourceExhausted("{} executions are under way, retry when some have ended",
                               pending_.size());
    }
    ref = next_ref_++;
    if (request.idempotency_key().empty()) {
      request.set_idempotency_key(key_prefix_ + std::to_string(ref));
    }
    Pending pending;
    pending.done = std::move(done);
    pending.asked = std::chrono::steady_clock::now();
    pending.create.set_ref(ref);
    pending.create.set_wait(wait);
    *pending.create.mutable_request() = std::move(request);
    pending_.emplace_hint(pending_.end(), ref, std::move(pending));
    to_send_.push_back(ref);
  }
  stream_->Start();
  stream_->Wake();
  return ref;
}

bool Executor::Forget(std::uint64_t ref) { return Take(ref).has_value(); }

std::optional<Executor::Pending> Executor::Take(std::uint64_t ref) {
  const std::scoped_lock lock(mutex_);
  const auto found = pending_.find(ref);
  if (found == pending_.end()) return std::nullopt;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  return pending;
}

bool Executor::Fill(v1::ExecuteStreamRequest& request) {
  const std::scoped_lock lock(mutex_);
  std::size_t bytes = 0;
  while (!to_send_.empty() && request.creates_size() < kBatchCreates && bytes < kBatchBytes) {
    const auto found = pending_.find(to_send_.front());
    to_send_.pop_front();
    if (found == pending_.end()) continue;          // Forgotten.
    *request.add_creates() = found->second.create;  // A copy: it may have to be sent again.
    bytes += found->second.create.request().inputs().size();
  }
  return request.creates_size() > 0;
}

bool Executor::Received(v1::ExecuteStreamResponse& response) {
  std::vector<std::pair<Done, Result<ExecutionResult>>> calls;
  bool leave = false;
  {
    const std::scoped_lock lock(mutex_);
    const auto settle = [&](std::uint64_t ref, Result<ExecutionResult> result) {
      const auto found = pending_.find(ref);
      if (found == pending_.end()) return;
      calls.emplace_back(std::move(found->second.done), std::move(result));
      pending_.erase(found);
    };
    for (auto& created : *response.mutable_created()) {
      const auto found = pending_.find(created.ref());
      if (found == pending_.end()) continue;
      if (found->second.create.wait()) {
        found->second.id = created.id();
      } else {
        settle(created.ref(), ExecutionResult{.id = created.id(),
                                              .state = ExecutionState::kCreated,
                                              .output_key = {},
                                              .outputs = {},
                                              .error = {}});
      }
    }
    for (const auto& finished : response.finished()) {
      settle(finished.ref(), FromWire(finished.id(), finished.state(), finished.outcome()));
    }
    for (const auto& refused : response.refused()) {
      const Error error = ToError(refused.error());
      if (error.code == Code::kUnavailable) {
        leave = true;  // Core is going away; it is asked again on a new connection.
      } else {
        settle(refused.ref(), error);
      }
    }
  }
  for (auto& [done, result] : calls) done(std::move(result));
  if (leave) stream_->Reset();
  return true;
}

bool Executor::Closed(const Error& error) {
  std::vector<std::pair<Done, Result<ExecutionResult>>> calls;
  const bool final = IsFinal(error);
  {
    const std::scoped_lock lock(mutex_);
    to_send_.clear();
    const auto now = std::chrono::steady_clock::now();
    for (auto entry = pending_.begin(); entry != pending_.end();) {
      auto& [ref, pending] = *entry;
      const bool old = !pending.id.empty() && now - pending.asked > kRepeatable;
      if (!final && !old) {
        to_send_.push_back(ref);
        ++entry;
        continue;
      }
      calls.emplace_back(std::move(pending.done),
                         final ? error
                               : Unavailable("the connection to Core ended; wait for execution {}, "
                                             "which goes on, by its id",
                                             pending.id));
      entry = pending_.erase(entry);
    }
    if (final) final_ = error;
  }
  for (auto& [done, result] : calls) done(std::move(result));
  return !final;
}

}  // namespace mesg::sdk::internal
