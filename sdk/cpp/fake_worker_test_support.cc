#include <algorithm>
#include <thread>

#include "fake_core_state_test_support.h"

namespace mesg::sdk {
namespace {

using State = FakeCore::State;

class WorkerService final : public v1::Worker::Service {
 public:
  explicit WorkerService(std::shared_ptr<State> state) : state_(std::move(state)) {}

  grpc::Status Connect(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::CoreMessage, v1::WorkerMessage>* stream) override {
    if (!state_->Admits(*context)) return kTurnedAway;
    const Registered registered(*state_, context);
    const auto session = std::make_shared<State::Session>();
    session->context = context;
    std::thread writer([&] { WriteAll(*session, *stream); });
    v1::WorkerMessage message;
    while (stream->Read(&message)) Take(message, session);
    {
      const std::scoped_lock lock(state_->mutex);
      session->closed = true;
      if (state_->session == session) state_->session = nullptr;
      state_->changed.notify_all();
    }
    writer.join();
    return grpc::Status::OK;
  }

  grpc::Status GetKeys(grpc::ServerContext*, const v1::GetKeysRequest* request,
                       v1::GetKeysResponse* response) override {
    const std::scoped_lock lock(state_->mutex);
    for (const auto& key : request->keys()) {
      auto& value = *response->add_values();
      value.set_key(key);
      const auto found = state_->keys.find(key);
      if (found != state_->keys.end()) value = found->second;
    }
    return grpc::Status::OK;
  }
  grpc::Status ListKeys(grpc::ServerContext*, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override {
    // No answer has more than two, as if their values were large.
    const int most = std::min(static_cast<int>(request->limit()), 2);
    const std::scoped_lock lock(state_->mutex);
    for (const auto& [key, value] : state_->keys) {
      if (!key.starts_with(request->prefix()) || key <= request->after()) continue;
      response->set_more(response->values_size() == most);
      if (response->more()) break;
      *response->add_values() = value;
    }
    return grpc::Status::OK;
  }

 private:
  void WriteAll(State::Session& session,
                grpc::ServerReaderWriter<v1::CoreMessage, v1::WorkerMessage>& stream) {
    std::unique_lock lock(state_->mutex);
    while (true) {
      state_->changed.wait(lock, [&] { return session.closed || !session.out.empty(); });
      if (session.out.empty()) return;
      const v1::CoreMessage message = std::move(session.out.front());
      session.out.pop_front();
      lock.unlock();
      stream.Write(message);
      lock.lock();
    }
  }

  void Take(const v1::WorkerMessage& message, const std::shared_ptr<State::Session>& session) {
    const std::scoped_lock lock(state_->mutex);
    v1::CoreMessage reply;
    if (message.has_hello()) {
      state_->hello_tasks.assign(message.hello().tasks().begin(), message.hello().tasks().end());
      state_->session = session;
      ++state_->workers;
      reply.mutable_welcome()->set_service("fake");
    }
    if (message.drain()) session->drained = true;
    if (message.has_health()) state_->reported.push_back(message.health().problem());
    for (const auto& refusal : message.refusals()) {
      state_->refusals.push_back(state_->deliveries[refusal.delivery_id()]);
    }
    for (const auto& answer : message.answers()) Record(answer, *session, reply);
    if (reply.ByteSizeLong() > 0) session->out.push_back(std::move(reply));
    state_->changed.notify_all();
  }

  void Record(const v1::Answer& answer, State::Session& session, v1::CoreMessage& reply) {
    auto& accepted = *reply.add_accepted();
    accepted.set_delivery_id(answer.delivery_id());
    if (state_->refuse_answer) {
      *accepted.mutable_error() = ToWire(*std::exchange(state_->refuse_answer, std::nullopt));
      return;
    }
    FakeCore::Answered answered{
        .delivery_id = answer.delivery_id(),
        .execution_id = state_->deliveries[answer.delivery_id()],
        .success = answer.has_success(),
        .output_key = answer.success().output_key(),
        .text = answer.has_success() ? answer.success().outputs() : answer.failure().error(),
        .permanent = answer.failure().permanent(),
        .events = {},
        .changes = {}};
    for (const auto& event : answer.events()) {
      answered.events.push_back(event.key() + "=" + event.data());
    }
    for (const auto& change : answer.changes()) {
      answered.changes.push_back(change.key() + "=" + change.put());
    }
    for (const FakeCore::Answered& known : state_->answers) {
      if (known.execution_id == answered.execution_id && known.success) {
        *accepted.mutable_error() = ToWire(FailedPrecondition("it has its result"));
        return;
      }
    }
    state_->answers.push_back(std::move(answered));
    if (std::exchange(state_->cut_before_accepting, false)) session.context->TryCancel();
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<v1::Worker::Service> MakeWorkerService(std::shared_ptr<FakeCore::State> state) {
  return std::make_unique<WorkerService>(std::move(state));
}

}  // namespace mesg::sdk
