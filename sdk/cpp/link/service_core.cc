#include "link/service_core.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace mesg::sdk::internal {
namespace {

constexpr std::chrono::seconds kKeyTimeout{10};
constexpr std::chrono::seconds kCloseTimeout{2};

std::string ProcessName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return std::to_string(getpid());
  return fmt::format("{} {}", host.data(), getpid());
}

KeyValue FromWire(const v1::KeyValue& wire) { return {wire.key(), wire.value(), wire.version()}; }

}  // namespace

ServiceCore::ServiceCore(ServiceOptions options)
    : options_(std::move(options)),
      connection_(std::make_unique<Connection>(options_.endpoint, options_.token, options_.log)),
      emitter_(std::make_unique<Emitter>(*connection_,
                                         Emitter::Limits{.events = options_.max_pending_events,
                                                         .bytes = options_.max_pending_bytes,
                                                         .timeout = options_.emit_timeout})) {}

void ServiceCore::Register(std::string key, Service::AsyncHandler handler) {
  handlers_.insert_or_assign(std::move(key), std::move(handler));
}

void ServiceCore::Start() {
  {
    const std::scoped_lock lock(mutex_);
    if (started_ || stopping_) return;
    started_ = true;
    if (handlers_.empty()) return;
    v1::WorkerMessage::Hello hello;
    hello.set_name(options_.name.empty() ? ProcessName() : options_.name);
    hello.set_credits(options_.credits);
    for (const auto& [key, handler] : handlers_) hello.add_tasks(key);
    worker_ = std::make_unique<Worker>(
        *connection_, std::move(hello),
        Worker::Events{.deliver = [this](v1::Delivery delivery) { Deliver(std::move(delivery)); },
                       .cancel = [this](const std::string& ticket) { Cancel(ticket); },
                       .ended = [this](Error error) { Ended(std::move(error)); }});
    for (unsigned i = 0; i < std::max(1U, options_.threads); ++i) {
      threads_.emplace_back([this] { Serve(); });
    }
  }
  worker_->ReportHealth(problem_);
  worker_->Start();
}

void ServiceCore::ReportHealth(std::string problem) {
  Worker* worker = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    problem_ = problem;
    worker = worker_.get();
  }
  if (worker != nullptr) worker->ReportHealth(std::move(problem));
}

bool ServiceCore::connected() const {
  const std::scoped_lock lock(mutex_);
  return worker_ != nullptr && worker_->connected();
}

void ServiceCore::Stop() {
  Worker* worker = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    worker = worker_.get();
  }
  if (worker != nullptr) worker->Drain();
  RefuseWaiting();
  state_.notify_all();
}

Result<void> ServiceCore::Wait() {
  std::unique_lock lock(mutex_);
  state_.wait(lock, [this] { return stopping_; });
  if (draining_ == Draining::kNo) {
    draining_ = Draining::kNow;
    lock.unlock();
    Drain();
    lock.lock();
    draining_ = Draining::kDone;
    state_.notify_all();
  }
  state_.wait(lock, [this] { return draining_ == Draining::kDone; });
  if (ended_) return *ended_;
  return {};
}

// On the thread of the first who waits.
void ServiceCore::Drain() {
  const auto until = std::chrono::steady_clock::now() + options_.drain_grace;
  bool turned_away = false;
  {
    const std::scoped_lock lock(mutex_);
    turned_away = ended_.has_value();
  }
  if (worker_ && !turned_away) worker_->WaitSettled(until);
  emitter_->Flush(until);
  std::vector<std::shared_ptr<Performance>> late;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [ticket, performance] : held_) late.push_back(performance);
  }
  for (const auto& performance : late) performance->Cancel();
  if (worker_) worker_->Close(std::min(until, std::chrono::steady_clock::now() + kCloseTimeout));
}

void ServiceCore::Close() {
  std::vector<std::shared_ptr<Performance>> held;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    threads_leave_ = true;
    waiting_.clear();
    for (const auto& [ticket, performance] : held_) held.push_back(performance);
  }
  state_.notify_all();
  work_.notify_all();
  for (const auto& performance : held) performance->Cancel();
  emitter_->Abort();  // Frees handlers that wait for an acknowledgement.
  for (std::thread& thread : threads_) thread.join();
  {
    const std::scoped_lock lock(life_);
    closed_ = true;
  }
  worker_.reset();
  emitter_.reset();
  connection_.reset();
}

void ServiceCore::Deliver(v1::Delivery delivery) {
  auto performance = std::make_shared<Performance>(std::move(delivery), weak_from_this());
  const std::string& ticket = performance->delivery().delivery_id();
  bool refuse = false;
  {
    const std::scoped_lock lock(mutex_);
    refuse = stopping_;
    if (!refuse) {
      held_.insert_or_assign(ticket, performance);
      waiting_.push_back(performance);
    }
  }
  if (refuse) {
    if (performance->Claim()) Refuse(*performance, "the worker is stopping");
  } else {
    work_.notify_one();
  }
}

void ServiceCore::Cancel(const std::string& ticket) {
  std::shared_ptr<Performance> performance;
  bool begun = true;
  {
    const std::scoped_lock lock(mutex_);
    const auto held = held_.find(ticket);
    if (held == held_.end()) return;
    performance = held->second;
    begun = std::erase(waiting_, performance) == 0;
  }
  performance->Cancel();
  if (!begun && performance->Claim()) Refuse(*performance, "cancelled before it was begun");
}

void ServiceCore::Ended(Error error) {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = std::move(error);
    stopping_ = true;
    held_.clear();
    waiting_.clear();
  }
  state_.notify_all();
}

void ServiceCore::RefuseWaiting() {
  std::deque<std::shared_ptr<Performance>> waiting;
  {
    const std::scoped_lock lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& performance : waiting) {
    if (performance->Claim()) Refuse(*performance, "the worker is stopping");
  }
}

void ServiceCore::Serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return threads_leave_ || !waiting_.empty(); });
    if (threads_leave_) return;
    auto performance = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Perform(performance);
    performance.reset();
    lock.lock();
  }
}

void ServiceCore::Perform(const std::shared_ptr<Performance>& performance) {
  const auto handler = handlers_.find(performance->delivery().task());
  if (handler == handlers_.end()) {
    if (performance->Claim()) Refuse(*performance, "this worker does not perform this task");
    return;
  }
  // A handler is somebody else's code: what it throws must not end the process. Its Responder has
  // answered for it already, on its way out.
  try {
    handler->second(Responder(Task(performance)));
  } catch (const std::exception& e) {
    connection_->log()(fmt::format("the handler of task {} threw: {}", handler->first, e.what()));
  } catch (...) {
    connection_->log()(fmt::format("the handler of task {} threw", handler->first));
  }
}

void ServiceCore::Succeed(Performance& performance, Outputs outputs) {
  v1::Answer answer;
  answer.mutable_success()->set_output_key(std::move(outputs.output_key));
  answer.mutable_success()->set_outputs(std::move(outputs.json));
  performance.MoveBuffered(answer);
  Answer(performance, std::move(answer));
}

void ServiceCore::Fail(Performance& performance, const Error& error) {
  v1::Answer answer;
  answer.mutable_failure()->set_error(error.message);
  answer.mutable_failure()->set_permanent(IsPermanent(error));
  Answer(performance, std::move(answer));
}

void ServiceCore::Answer(Performance& performance, v1::Answer answer) {
  const std::string& ticket = performance.delivery().delivery_id();
  performance.Forget();
  {
    const std::scoped_lock lock(mutex_);
    held_.erase(ticket);
  }
  const std::shared_lock alive(life_);
  if (!closed_ && worker_) worker_->Answer(ticket, std::move(answer));
}

void ServiceCore::Refuse(Performance& performance, std::string reason) {
  const std::string& ticket = performance.delivery().delivery_id();
  performance.Forget();
  {
    const std::scoped_lock lock(mutex_);
    held_.erase(ticket);
  }
  const std::shared_lock alive(life_);
  if (!closed_ && worker_) worker_->Refuse(ticket, std::move(reason));
}

Result<KeyValue> ServiceCore::Get(std::string_view key) {
  const auto stub = v1::Worker::NewStub(connection_->channel());
  v1::GetKeysRequest request;
  v1::GetKeysResponse response;
  request.add_keys(std::string(key));
  MESG_TRY(CallUntil(*connection_, kKeyTimeout, [&](grpc::ClientContext& context) {
    return stub->GetKeys(&context, request, &response);
  }));
  if (response.values().empty()) return KeyValue{.key = std::string(key), .json = {}};
  return FromWire(response.values(0));
}

Result<std::vector<KeyValue>> ServiceCore::List(std::string_view prefix, unsigned limit,
                                                std::string_view after) {
  constexpr unsigned kDefaultLimit = 1'000;
  const unsigned wanted = limit == 0 ? kDefaultLimit : limit;
  const auto stub = v1::Worker::NewStub(connection_->channel());
  v1::ListKeysRequest request;
  request.set_prefix(std::string(prefix));
  request.set_after(std::string(after));
  std::vector<KeyValue> values;
  // Large values come in several answers.
  for (bool more = true; more && values.size() < wanted;) {
    v1::ListKeysResponse response;
    request.set_limit(wanted - static_cast<unsigned>(values.size()));
    MESG_TRY(CallUntil(*connection_, kKeyTimeout, [&](grpc::ClientContext& context) {
      return stub->ListKeys(&context, request, &response);
    }));
    for (const v1::KeyValue& wire : response.values()) values.push_back(FromWire(wire));
    more = response.more() && !response.values().empty();
    if (more) request.set_after(values.back().key);
  }
  return values;
}

}  // namespace mesg::sdk::internal
