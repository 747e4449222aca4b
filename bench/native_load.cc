#include "native_load.h"

namespace mesg::bench {
namespace {

Error Refused(const v1::CallError& error) {
  return Failed("Core refused", error.code(), error.message());
}

}  // namespace

EmitLoad::EmitLoad(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service,
                   const char* event, std::size_t batch, std::size_t batches, std::size_t numbers)
    : stub_(v1::Events::NewStub(channel)), batches_(batches) {
  for (std::size_t i = 0; i < batch; ++i) {
    v1::EventToEmit& one = *template_.add_events();
    one.set_key(event);
    one.set_data(Payload(i % numbers));
  }
  service.Authorize(context_);
  stub_->async()->EmitStream(&context_, this);
  Begin();
}

Result<std::chrono::duration<double>> EmitLoad::Run(std::size_t requests) {
  std::unique_lock lock(mutex_);
  const auto started = SteadyClock::now();
  to_send_ = requests;
  Push();
  MESG_TRY(WaitFor(lock, [&] { return to_send_ == 0 && unanswered_ == 0; }));
  return SteadyClock::now() - started;
}

void EmitLoad::Received(v1::EmitResponse& response) {
  if (response.has_error()) return Fail(Refused(response.error()));
  if (response.positions_size() != template_.events_size()) {
    return Fail(
        Internal("{} positions for {} events", response.positions_size(), template_.events_size()));
  }
  --unanswered_;
}

bool EmitLoad::Fill(v1::EmitRequest& request) {
  if (to_send_ == 0 || unanswered_ == batches_) return false;
  request = template_;
  --to_send_;
  ++unanswered_;
  return true;
}

ListenLoad::ListenLoad(const std::shared_ptr<grpc::Channel>& channel,
                       std::vector<v1::Filter> filters)
    : stub_(v1::Events::NewStub(channel)), filters_(std::move(filters)) {
  stub_->async()->Listen(&context_, this);
  Begin();
  const std::scoped_lock lock(mutex_);
  Push();
}

bool ListenLoad::Fill(v1::ListenRequest& request) {
  if (opened_) return false;
  for (v1::Filter& filter : filters_) *request.mutable_open()->add_filters() = std::move(filter);
  request.mutable_open()->set_live(true);
  opened_ = true;
  return true;
}

void ListenLoad::Received(v1::ListenResponse& response) {
  ready_ |= response.ready();
  items_ += static_cast<std::uint64_t>(response.items_size());
}

Result<void> ListenLoad::WaitReady() {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return ready_; });
}

Result<void> ListenLoad::WaitForItems(std::uint64_t items) {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return items_ >= items; });
}

std::uint64_t ListenLoad::items() {
  const std::scoped_lock lock(mutex_);
  return items_;
}

EchoWorker::EchoWorker(const std::shared_ptr<grpc::Channel>& channel,
                       const MeasuredService& service, std::uint32_t credits)
    : stub_(v1::Worker::NewStub(channel)) {
  next_.mutable_hello()->set_name("bench");
  next_.mutable_hello()->set_credits(credits);
  service.Authorize(context_);
  stub_->async()->Connect(&context_, this);
  Begin();
  const std::scoped_lock lock(mutex_);
  Push();
}

Result<void> EchoWorker::WaitReady() {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return welcome_; });
}

void EchoWorker::Received(v1::CoreMessage& message) {
  welcome_ |= message.has_welcome();
  for (v1::Delivery& delivery : *message.mutable_deliveries()) {
    v1::Answer& answer = *next_.add_answers();
    answer.mutable_delivery_id()->swap(*delivery.mutable_delivery_id());
    answer.mutable_success()->mutable_outputs()->swap(*delivery.mutable_inputs());
  }
  for (const v1::Accepted& accepted : message.accepted()) {
    if (accepted.has_error()) Fail(Refused(accepted.error()));
  }
}

bool EchoWorker::Fill(v1::WorkerMessage& message) {
  if (!next_.has_hello() && next_.answers_size() == 0) return false;
  message.Swap(&next_);
  return true;
}

ExecuteLoad::ExecuteLoad(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::Executions::NewStub(channel)) {
  stub_->async()->ExecuteStream(&context_, this);
  Begin();
}

Result<std::chrono::duration<double>> ExecuteLoad::Run(std::size_t executions,
                                                       std::size_t in_flight) {
  std::unique_lock lock(mutex_);
  const auto started = SteadyClock::now();
  left_ = executions;
  allowed_ = std::min(executions, in_flight);
  finished_ = 0;
  asked_.clear();
  asked_.reserve(executions);
  latencies_.clear();
  latencies_.reserve(executions);
  Push();
  MESG_TRY(WaitFor(lock, [&] { return finished_ == executions; }));
  return SteadyClock::now() - started;
}

bool ExecuteLoad::Fill(v1::ExecuteStreamRequest& request) {
  if (allowed_ == 0) return false;
  const auto now = SteadyClock::now();
  for (; allowed_ > 0; --allowed_, --left_) {
    v1::ExecuteStreamRequest::Create& create = *request.add_creates();
    create.set_ref(asked_.size());
    create.set_wait(true);
    create.mutable_request()->set_service(MeasuredService::kName);
    create.mutable_request()->set_task(MeasuredService::kTask);
    create.mutable_request()->set_inputs(payload_);
    asked_.push_back(now);
  }
  return true;
}

void ExecuteLoad::Received(v1::ExecuteStreamResponse& response) {
  if (response.refused_size() > 0) return Fail(Refused(response.refused(0).error()));
  const auto now = SteadyClock::now();
  for (const auto& finished : response.finished()) {
    if (finished.state() != v1::COMPLETED) {
      return Fail(Internal("execution {} ended as {}: {}", finished.id(),
                           v1::ExecutionState_Name(finished.state()), finished.outcome().error()));
    }
    latencies_.push_back(
        std::chrono::duration<double, std::micro>(now - asked_[finished.ref()]).count());
    ++finished_;
    if (left_ > allowed_) ++allowed_;
  }
}

std::vector<v1::Filter> Everything() {
  std::vector<v1::Filter> filters(2);
  filters[0].set_kind(v1::Filter::EVENTS);
  filters[1].set_kind(v1::Filter::RESULTS);
  for (v1::Filter& filter : filters) filter.set_service(MeasuredService::kName);
  return filters;
}

}  // namespace mesg::bench
