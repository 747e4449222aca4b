#include <thread>

#include <fmt/format.h>

#include "fake_core_state_test_support.h"

namespace mesg::sdk {
namespace {

using State = FakeCore::State;

class ExecutionService final : public v1::Executions::Service {
 public:
  explicit ExecutionService(std::shared_ptr<State> state) : state_(std::move(state)) {}

  grpc::Status ExecuteStream(grpc::ServerContext* context,
                             grpc::ServerReaderWriter<v1::ExecuteStreamResponse,
                                                      v1::ExecuteStreamRequest>* stream) override {
    const Registered registered(*state_, context);
    std::map<std::uint64_t, std::string> waiting;  // ref -> id
    std::deque<v1::ExecuteStreamResponse> out;
    bool closed = false;
    std::thread reader([&] {
      v1::ExecuteStreamRequest request;
      while (stream->Read(&request)) Take(request, *context, waiting, out);
      const std::scoped_lock lock(state_->mutex);
      closed = true;
      state_->changed.notify_all();
    });
    std::unique_lock lock(state_->mutex);
    while (!closed) {
      Collect(waiting, out);
      if (out.empty()) {
        state_->changed.wait(lock);
        continue;
      }
      const v1::ExecuteStreamResponse response = std::move(out.front());
      out.pop_front();
      lock.unlock();
      stream->Write(response);
      lock.lock();
    }
    lock.unlock();
    reader.join();
    return grpc::Status::OK;
  }

  grpc::Status Get(grpc::ServerContext*, const v1::GetExecutionRequest* request,
                   v1::Execution* response) override {
    const std::scoped_lock lock(state_->mutex);
    const auto found = state_->executions.find(request->id());
    if (found == state_->executions.end()) {
      return {grpc::StatusCode::NOT_FOUND, "there is no execution " + request->id()};
    }
    *response = found->second.execution;
    return grpc::Status::OK;
  }
  grpc::Status Wait(grpc::ServerContext* context, const v1::GetExecutionRequest* request,
                    v1::Execution* response) override {
    const Registered registered(*state_, context);
    std::unique_lock lock(state_->mutex);
    auto& stored = state_->executions[request->id()];
    while (!stored.finished) {
      state_->changed.wait_for(lock, std::chrono::milliseconds(5));
      if (context->IsCancelled()) return {grpc::StatusCode::UNAVAILABLE, "cut"};
    }
    *response = stored.execution;
    return grpc::Status::OK;
  }
  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelExecutionRequest* request,
                      v1::Execution* response) override {
    const std::scoped_lock lock(state_->mutex);
    auto& stored = state_->executions[request->id()];
    if (stored.finished) return {grpc::StatusCode::FAILED_PRECONDITION, "it has its result"};
    stored.finished = true;
    stored.execution.set_state(v1::CANCELLED);
    stored.execution.mutable_outcome()->set_error(request->reason());
    *response = stored.execution;
    state_->changed.notify_all();
    return grpc::Status::OK;
  }

 private:
  void Take(const v1::ExecuteStreamRequest& request, grpc::ServerContext& context,
            std::map<std::uint64_t, std::string>& waiting,
            std::deque<v1::ExecuteStreamResponse>& out) {
    const std::scoped_lock lock(state_->mutex);
    if (state_->hold) return;
    v1::ExecuteStreamResponse response;
    for (const auto& create : request.creates()) {
      if (create.request().service().empty()) {
        auto& refused = *response.add_refused();
        refused.set_ref(create.ref());
        *refused.mutable_error() = ToWire(InvalidArgument("service is empty"));
        continue;
      }
      const auto [known, fresh] = state_->by_key.try_emplace(
          create.request().idempotency_key(), fmt::format("x{}", state_->by_key.size() + 1));
      if (fresh) {
        auto& stored = state_->executions[known->second];
        stored.execution.set_id(known->second);
        stored.execution.mutable_source()->set_service(create.request().service());
        stored.execution.set_task(create.request().task());
        stored.execution.set_inputs(create.request().inputs());
        *stored.execution.mutable_tags() = create.request().tags();
        stored.execution.set_state(v1::CREATED);
        if (!state_->finish_later) state_->Finish(stored);
      }
      auto& created = *response.add_created();
      created.set_ref(create.ref());
      created.set_id(known->second);
      created.set_existed(!fresh);
      if (create.wait()) waiting[create.ref()] = known->second;
    }
    if (std::exchange(state_->cut_before_created, false)) {
      waiting.clear();
      context.TryCancel();
      return;
    }
    out.push_back(std::move(response));
    state_->changed.notify_all();
  }

  // Under the lock: results that have come for those who wait.
  void Collect(std::map<std::uint64_t, std::string>& waiting,
               std::deque<v1::ExecuteStreamResponse>& out) {
    v1::ExecuteStreamResponse response;
    std::erase_if(waiting, [&](const auto& entry) {
      const auto& stored = state_->executions[entry.second];
      if (!stored.finished) return false;
      auto& finished = *response.add_finished();
      finished.set_ref(entry.first);
      finished.set_id(entry.second);
      finished.set_state(stored.execution.state());
      *finished.mutable_outcome() = stored.execution.outcome();
      return true;
    });
    if (!response.finished().empty()) out.push_back(std::move(response));
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<v1::Executions::Service> MakeExecutionService(
    std::shared_ptr<FakeCore::State> state) {
  return std::make_unique<ExecutionService>(std::move(state));
}

}  // namespace mesg::sdk
