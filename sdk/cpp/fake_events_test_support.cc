#include <thread>

#include "fake_core_state_test_support.h"

namespace mesg::sdk {
namespace {

using State = FakeCore::State;

class EventService final : public v1::Events::Service {
 public:
  explicit EventService(std::shared_ptr<State> state) : state_(std::move(state)) {}

  grpc::Status EmitStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::EmitResponse, v1::EmitRequest>* stream) override {
    if (!state_->Admits(*context)) return kTurnedAway;
    const Registered registered(*state_, context);
    v1::EmitRequest request;
    while (stream->Read(&request)) {
      v1::EmitResponse response;
      {
        std::unique_lock lock(state_->mutex);
        while (state_->hold && !context->IsCancelled()) {
          state_->changed.wait_for(lock, std::chrono::milliseconds(5));
        }
        if (context->IsCancelled()) break;
        response = state_->Record(request);
        if (std::exchange(state_->cut_before_emitted, false)) {
          context->TryCancel();
          break;
        }
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateSubscription(grpc::ServerContext*,
                                  const v1::CreateSubscriptionRequest* request,
                                  v1::Subscription* response) override {
    const std::scoped_lock lock(state_->mutex);
    state_->subscriptions.try_emplace(request->name(), request->after_position().empty()
                                                           ? std::to_string(state_->history.size())
                                                           : request->after_position());
    response->set_name(request->name());
    return grpc::Status::OK;
  }
  grpc::Status DeleteSubscription(grpc::ServerContext*,
                                  const v1::DeleteSubscriptionRequest* request,
                                  v1::DeleteSubscriptionResponse*) override {
    const std::scoped_lock lock(state_->mutex);
    if (state_->subscriptions.erase(request->name()) == 1) return grpc::Status::OK;
    return {grpc::StatusCode::NOT_FOUND, "no such subscription"};
  }

  grpc::Status Listen(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ListenResponse, v1::ListenRequest>* stream) override {
    v1::ListenRequest request;
    if (!state_->Admits(*context)) return kTurnedAway;
    if (!stream->Read(&request)) return grpc::Status::OK;
    const Registered registered(*state_, context);
    const v1::ListenRequest::Open open = request.open();
    std::size_t next = 0;
    {
      const std::scoped_lock lock(state_->mutex);
      if (!open.subscription().empty()) {
        next = std::stoul(state_->subscriptions[open.subscription()]);
      } else if (open.live()) {
        next = state_->history.size();
      } else {
        next = std::stoul(open.after_position());
        if (next < state_->oldest) {
          return {grpc::StatusCode::OUT_OF_RANGE, "the oldest position kept is another"};
        }
      }
      ++state_->listeners;
    }
    bool closed = false;
    std::deque<std::string> confirmed;
    std::thread reader([&] {
      v1::ListenRequest later;
      while (stream->Read(&later)) {
        const std::scoped_lock lock(state_->mutex);
        state_->subscriptions[open.subscription()] = later.acknowledge();
        confirmed.push_back(later.acknowledge());
        state_->changed.notify_all();
      }
      const std::scoped_lock lock(state_->mutex);
      closed = true;
      state_->changed.notify_all();
    });
    v1::ListenResponse response;
    response.set_ready(true);
    response.set_position(std::to_string(next));
    stream->Write(response);
    std::unique_lock lock(state_->mutex);
    while (!closed) {
      state_->changed.wait_for(lock, std::chrono::milliseconds(20), [&] {
        return closed || !confirmed.empty() || next < state_->history.size();
      });
      response.Clear();
      for (; next < state_->history.size() && response.items_size() < 3; ++next) {
        *response.add_items()->mutable_event() = state_->history[next];
      }
      if (!confirmed.empty()) response.set_acknowledged(confirmed.back());
      confirmed.clear();
      if (response.items().empty() && response.acknowledged().empty()) continue;
      response.set_position(std::to_string(next));
      lock.unlock();
      stream->Write(response);
      lock.lock();
    }
    --state_->listeners;
    lock.unlock();
    reader.join();
    return grpc::Status::OK;
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<v1::Events::Service> MakeEventService(std::shared_ptr<FakeCore::State> state) {
  return std::make_unique<EventService>(std::move(state));
}

}  // namespace mesg::sdk
