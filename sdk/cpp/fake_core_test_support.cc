#include "fake_core_test_support.h"

#include <thread>
#include <utility>

#include <fmt/format.h>

#include "fake_core_state_test_support.h"

namespace mesg::sdk {

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

class FakeCore::Server {
 public:
  explicit Server(const std::shared_ptr<State>& state)
      : worker_(MakeWorkerService(state)),
        events_(MakeEventService(state)),
        executions_(MakeExecutionService(state)) {}

  // The port it listens on: `wanted`, or any for 0.
  int Start(int wanted) {
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddListeningPort(fmt::format("127.0.0.1:{}", wanted), grpc::InsecureServerCredentials(),
                             &bound);
    builder.RegisterService(worker_.get());
    builder.RegisterService(events_.get());
    builder.RegisterService(executions_.get());
    server_ = builder.BuildAndStart();
    return server_ ? bound : 0;
  }
  void Stop() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  int port = 0;

 private:
  const std::unique_ptr<v1::Worker::Service> worker_;
  const std::unique_ptr<v1::Events::Service> events_;
  const std::unique_ptr<v1::Executions::Service> executions_;
  std::unique_ptr<grpc::Server> server_;
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
std::vector<std::string> FakeCore::reported() const {
  UNDER_LOCK;
  return state_->reported;
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
                              unsigned attempt, const std::string& delivery_id) {
  std::unique_lock lock(state_->mutex);
  MESG_CHECK(state_->changed.wait_for(lock, std::chrono::seconds(20),
                                      [this] { return state_->session != nullptr; }),
             "no worker came");
  std::string id =
      delivery_id.empty() ? fmt::format("d{}", state_->deliveries.size() + 1) : delivery_id;
  v1::CoreMessage message;
  auto& delivery = *message.add_deliveries();
  delivery.set_delivery_id(id);
  delivery.set_execution_id(execution_id);
  delivery.set_task(std::move(task));
  delivery.set_inputs(std::move(inputs));
  delivery.set_attempt(attempt);
  delivery.set_deadline_us(state_->deadline_us);
  delivery.add_tags("tag");
  state_->deliveries[id] = execution_id;
  state_->session->out.push_back(std::move(message));
  state_->changed.notify_all();
  return id;
}

void FakeCore::SetDeadline(TimePoint deadline) {
  UNDER_LOCK;
  state_->deadline_us = ToMicros(deadline);
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
