#include "fake_core_test_support.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::sdk {

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

// Everything Core would keep on disk, and what tests ask of it. One lock, one condition.
class FakeCore::State {
 public:
  struct Stored {
    v1::Execution execution;
    bool finished = false;
  };
  struct Session {  // A worker's connection.
    grpc::ServerContext* context = nullptr;
    std::deque<v1::CoreMessage> out;
    bool closed = false;
    bool drained = false;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::set<grpc::ServerContext*> streams;
  std::string token;
  bool hold = false;

  std::shared_ptr<Session> session;
  std::vector<std::string> hello_tasks;
  std::size_t workers = 0;
  std::map<std::string, std::string> deliveries;  // Ever made: id -> execution.
  std::vector<Answered> answers;
  std::vector<std::string> refusals;
  bool cut_before_accepting = false;
  std::optional<Error> refuse_answer;

  std::vector<Recorded> events;
  std::map<std::string, std::size_t> event_ids;
  std::map<std::string, v1::KeyValue> keys;
  std::size_t emit_requests = 0;
  bool cut_before_emitted = false;
  std::string refused_key;
  std::vector<v1::Event> history;  // Position N is the N-th, from 1.
  std::size_t oldest = 0;
  std::size_t listeners = 0;
  std::map<std::string, std::string> subscriptions;  // -> acknowledged

  std::function<Result<std::string>(const std::string&, const std::string&)> perform;
  bool cut_before_created = false;
  bool finish_later = false;
  std::map<std::string, Stored> executions;
  std::map<std::string, std::string> by_key;

  bool Admits(grpc::ServerContext& context) {
    const std::scoped_lock lock(mutex);
    if (token.empty()) return true;
    const auto sent = context.client_metadata().find("authorization");
    return sent != context.client_metadata().end() && sent->second == "Bearer " + token;
  }
  void CutLocked() {
    for (auto* context : streams) context->TryCancel();
  }

  // Under the lock: all or none, as Core does it.
  v1::EmitResponse Record(const v1::EmitRequest& request) {
    v1::EmitResponse response;
    ++emit_requests;
    for (const auto& event : request.events()) {
      if (!refused_key.empty() && event.key() == refused_key) {
        response.mutable_error()->set_code(static_cast<int>(Code::kInvalidArgument));
        response.mutable_error()->set_message("no such event");
        response.mutable_error()->set_reason("EVENT_NOT_FOUND");
        auto& violation = *response.mutable_error()->add_violations();
        violation.set_field("events[0].key");
        violation.set_description("not declared");
        return response;
      }
    }
    for (const auto& change : request.changes()) {
      const auto found = keys.find(change.key());
      const std::uint64_t version = found == keys.end() ? 0 : found->second.version();
      if (change.has_expected_version() && change.expected_version() != version) {
        response.mutable_error()->set_code(static_cast<int>(Code::kAborted));
        response.mutable_error()->set_message("the key's version is another");
        return response;
      }
    }
    for (int i = 0; i < request.events_size(); ++i) {
      const auto& event = request.events(i);
      const auto [known, fresh] = event_ids.try_emplace(event.id(), events.size() + 1);
      if (fresh) {
        events.push_back({event.key(), event.data(), event.id()});
      } else {
        response.add_duplicates(static_cast<std::uint32_t>(i));
      }
      response.add_positions(std::to_string(known->second));
    }
    for (const auto& change : request.changes()) {
      if (change.has_put()) {
        auto& key = keys[change.key()];
        key.set_key(change.key());
        key.set_value(change.put());
        key.set_version(key.version() + 1);
        response.add_versions(key.version());
      } else {
        keys.erase(change.key());
        response.add_versions(0);
      }
    }
    response.set_durability("sync");
    return response;
  }

  // Under the lock.
  void Finish(Stored& stored) {
    auto outcome = perform ? perform(stored.execution.task(), stored.execution.inputs())
                           : Result<std::string>("{}");
    stored.finished = true;
    if (outcome) {
      stored.execution.set_state(v1::COMPLETED);
      stored.execution.mutable_outcome()->set_outputs(*outcome);
    } else {
      stored.execution.set_state(v1::FAILED);
      stored.execution.mutable_outcome()->set_error(outcome.error().message);
    }
    changed.notify_all();
  }
};

namespace {

// Counts a stream as connected while it lives, so that it can be cut.
template <typename State>
class Registered {
 public:
  Registered(State& state, grpc::ServerContext* context) : state_(state), context_(context) {
    const std::scoped_lock lock(state_.mutex);
    state_.streams.insert(context_);
  }
  ~Registered() {
    const std::scoped_lock lock(state_.mutex);
    state_.streams.erase(context_);
    state_.changed.notify_all();
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  State& state_;
  grpc::ServerContext* context_;
};

const grpc::Status kTurnedAway{grpc::StatusCode::UNAUTHENTICATED, "the token is not an instance's"};

v1::CallError ToWire(const Error& error) {
  v1::CallError wire;
  wire.set_code(static_cast<int>(error.code));
  wire.set_message(error.message);
  return wire;
}

}  // namespace

class FakeCore::Server {
 public:
  explicit Server(std::shared_ptr<State> state)
      : worker_(state), events_(state), executions_(state) {}

  // The port it listens on: `wanted`, or any for 0.
  int Start(int wanted) {
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddListeningPort(fmt::format("127.0.0.1:{}", wanted), grpc::InsecureServerCredentials(),
                             &bound);
    builder.RegisterService(&worker_);
    builder.RegisterService(&events_);
    builder.RegisterService(&executions_);
    server_ = builder.BuildAndStart();
    return server_ ? bound : 0;
  }
  void Stop() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

 private:
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
      const std::scoped_lock lock(state_->mutex);
      for (const auto& [key, value] : state_->keys) {
        if (key.starts_with(request->prefix()) && key > request->after() &&
            (request->limit() == 0 ||
             response->values_size() < static_cast<int>(request->limit()))) {
          *response->add_values() = value;
        }
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
      Answered answered{
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
      for (const Answered& known : state_->answers) {
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
      state_->subscriptions.try_emplace(request->name(),
                                        request->after_position().empty()
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

  class ExecutionService final : public v1::Executions::Service {
   public:
    explicit ExecutionService(std::shared_ptr<State> state) : state_(std::move(state)) {}

    grpc::Status ExecuteStream(
        grpc::ServerContext* context,
        grpc::ServerReaderWriter<v1::ExecuteStreamResponse, v1::ExecuteStreamRequest>* stream)
        override {
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

  WorkerService worker_;
  EventService events_;
  ExecutionService executions_;
  std::unique_ptr<grpc::Server> server_;

 public:
  int port = 0;
};

FakeCore::FakeCore() : state_(std::make_shared<State>()) {
  server_ = std::make_unique<Server>(state_);
  server_->port = server_->Start(0);
}
FakeCore::~FakeCore() {
  if (server_) Stop();
}

std::string FakeCore::endpoint() const { return fmt::format("127.0.0.1:{}", server_->port); }

void FakeCore::Stop() {
  CutStreams();
  server_->Stop();
}
void FakeCore::Start() {
  const int port = server_->port;
  server_ = std::make_unique<Server>(state_);
  server_->port = port;
  MESG_CHECK(server_->Start(port) == port, "port {} is taken", port);
}
void FakeCore::CutStreams() {
  const std::scoped_lock lock(state_->mutex);
  state_->CutLocked();
}

#define UNDER_LOCK const std::scoped_lock lock(state_->mutex)

void FakeCore::RequireToken(std::string token) {
  UNDER_LOCK;
  state_->token = std::move(token);
}
std::size_t FakeCore::workers() const {
  UNDER_LOCK;
  return state_->workers;
}
std::vector<std::string> FakeCore::hello_tasks() const {
  UNDER_LOCK;
  return state_->hello_tasks;
}
bool FakeCore::worker_drained() const {
  UNDER_LOCK;
  return state_->session && state_->session->drained;
}
std::vector<FakeCore::Answered> FakeCore::answers() const {
  UNDER_LOCK;
  return state_->answers;
}
std::vector<std::string> FakeCore::refusals() const {
  UNDER_LOCK;
  return state_->refusals;
}
void FakeCore::CutBeforeAccepting() {
  UNDER_LOCK;
  state_->cut_before_accepting = true;
}
void FakeCore::RefuseNextAnswer(Error error) {
  UNDER_LOCK;
  state_->refuse_answer = std::move(error);
}
std::vector<FakeCore::Recorded> FakeCore::events() const {
  UNDER_LOCK;
  return state_->events;
}
std::size_t FakeCore::emit_requests() const {
  UNDER_LOCK;
  return state_->emit_requests;
}
void FakeCore::CutBeforeEmitted() {
  UNDER_LOCK;
  state_->cut_before_emitted = true;
}
void FakeCore::RefuseEventKey(std::string key) {
  UNDER_LOCK;
  state_->refused_key = std::move(key);
}
std::size_t FakeCore::listeners() const {
  UNDER_LOCK;
  return state_->listeners;
}
void FakeCore::ForgetHistoryBefore(std::size_t position) {
  UNDER_LOCK;
  state_->oldest = position;
}
void FakeCore::CutBeforeCreated() {
  UNDER_LOCK;
  state_->cut_before_created = true;
}
void FakeCore::FinishLater(bool later) {
  UNDER_LOCK;
  state_->finish_later = later;
}
std::size_t FakeCore::executions() const {
  UNDER_LOCK;
  return state_->executions.size();
}

void FakeCore::Hold(bool hold) {
  UNDER_LOCK;
  state_->hold = hold;
  state_->changed.notify_all();
}

void FakeCore::Perform(
    std::function<Result<std::string>(const std::string&, const std::string&)> perform) {
  UNDER_LOCK;
  state_->perform = std::move(perform);
}

std::string FakeCore::acknowledged(const std::string& subscription) const {
  UNDER_LOCK;
  const auto found = state_->subscriptions.find(subscription);
  return found == state_->subscriptions.end() ? "" : found->second;
}

std::string FakeCore::Deliver(std::string task, std::string inputs, std::string execution_id,
                              unsigned attempt) {
  std::unique_lock lock(state_->mutex);
  MESG_CHECK(state_->changed.wait_for(lock, std::chrono::seconds(20),
                                      [this] { return state_->session != nullptr; }),
             "no worker came");
  const std::string id = fmt::format("d{}", state_->deliveries.size() + 1);
  v1::CoreMessage message;
  auto& delivery = *message.add_deliveries();
  delivery.set_delivery_id(id);
  delivery.set_execution_id(execution_id);
  delivery.set_task(std::move(task));
  delivery.set_inputs(std::move(inputs));
  delivery.set_attempt(attempt);
  delivery.set_deadline_us(1'800'000'000'000'000);
  delivery.add_tags("tag");
  state_->deliveries[id] = execution_id;
  state_->session->out.push_back(std::move(message));
  state_->changed.notify_all();
  return id;
}

void FakeCore::CancelDelivery(const std::string& delivery_id) {
  UNDER_LOCK;
  if (!state_->session) return;
  v1::CoreMessage message;
  auto& cancelled = *message.add_cancelled();
  cancelled.set_delivery_id(delivery_id);
  cancelled.set_reason("cancelled");
  state_->session->out.push_back(std::move(message));
  state_->changed.notify_all();
}

void FakeCore::SendDrain() {
  UNDER_LOCK;
  if (!state_->session) return;
  v1::CoreMessage message;
  message.set_drain(true);
  state_->session->out.push_back(std::move(message));
  state_->changed.notify_all();
}

void FakeCore::Append(std::string service, std::string key, std::string data) {
  UNDER_LOCK;
  v1::Event event;
  event.mutable_source()->set_service(std::move(service));
  event.set_key(std::move(key));
  event.set_data(std::move(data));
  event.set_position(std::to_string(state_->history.size() + 1));
  state_->history.push_back(std::move(event));
  state_->changed.notify_all();
}

void FakeCore::FinishAll() {
  UNDER_LOCK;
  for (auto& [id, stored] : state_->executions) {
    if (!stored.finished) state_->Finish(stored);
  }
}
#undef UNDER_LOCK

}  // namespace mesg::sdk
