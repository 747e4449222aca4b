#include "app_load.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <thread>

namespace mesg::bench {
namespace {

// Events in a request: an emitter that is behind sends many at once.
constexpr std::size_t kMostAtOnce = 256;

// The id in {"id":123,...
Result<std::size_t> NumberOf(const std::string& outputs) {
  constexpr std::string_view kBefore = R"({"id":)";
  std::size_t number = 0;
  if (!outputs.starts_with(kBefore) ||
      std::from_chars(outputs.data() + kBefore.size(), outputs.data() + outputs.size(), number)
              .ec != std::errc()) {
    return Internal("a result without its number: {}", outputs);
  }
  return number;
}

}  // namespace

WorkflowLoad::Emitter::Emitter(const std::shared_ptr<grpc::Channel>& channel,
                               const MeasuredService& service, Listener& listener)
    : stub_(v1::Events::NewStub(channel)), listener_(listener) {
  service.Authorize(context_);
  stub_->async()->EmitStream(&context_, this);
  Begin();
}

void WorkflowLoad::Emitter::Emit(std::size_t events) {
  const std::scoped_lock lock(mutex_);
  to_send_ += events;
  Push();
}

void WorkflowLoad::Emitter::Restart() {
  const std::scoped_lock lock(mutex_);
  next_ = 0;
}

void WorkflowLoad::Emitter::Received(v1::EmitResponse& response) {
  if (response.has_error()) {
    listener_.GiveUp(Failed("emitting", response.error().code(), response.error().message()));
  }
}

bool WorkflowLoad::Emitter::Fill(v1::EmitRequest& request) {
  if (to_send_ == 0) return false;
  for (std::size_t room = kMostAtOnce; room > 0 && to_send_ > 0; --room, --to_send_) {
    v1::EventToEmit& event = *request.add_events();
    event.set_key(MeasuredService::kEvent);
    event.set_data(Payload(next_++));
  }
  return true;
}

WorkflowLoad::Listener::Listener(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::Events::NewStub(channel)) {
  stub_->async()->Listen(&context_, this);
  Begin();
  const std::scoped_lock lock(mutex_);
  Push();
}

bool WorkflowLoad::Listener::Fill(v1::ListenRequest& request) {
  if (opened_) return false;
  v1::Filter& results = *request.mutable_open()->add_filters();
  results.set_kind(v1::Filter::RESULTS);
  results.set_service(MeasuredService::kName);
  request.mutable_open()->set_live(true);
  opened_ = true;
  return true;
}

void WorkflowLoad::Listener::Received(v1::ListenResponse& response) {
  ready_ |= response.ready();
  const auto now = SteadyClock::now();
  for (const auto& item : response.items()) {
    const v1::Execution& execution = item.result();
    if (execution.state() != v1::COMPLETED) {
      return Fail(Internal("execution {} ended as {}: {}", execution.id(),
                           v1::ExecutionState_Name(execution.state()),
                           execution.outcome().error()));
    }
    const auto number = NumberOf(execution.outcome().outputs());
    if (!number) return Fail(number.error());
    if (*number >= results_.size()) return Fail(Internal("a result of workflow {}", *number));
    if (++results_[*number] < kTasks) continue;
    times_[*number] = now;
    ++ends_;
  }
}

Result<void> WorkflowLoad::Listener::WaitReady() {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return ready_; });
}

void WorkflowLoad::Listener::Restart(std::size_t workflows) {
  const std::scoped_lock lock(mutex_);
  ends_ = 0;
  results_.assign(workflows, 0);
  times_.assign(workflows, {});
}

Result<void> WorkflowLoad::Listener::WaitForEnds(std::size_t workflows) {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return ends_ >= workflows; });
}

std::size_t WorkflowLoad::Listener::ends() {
  const std::scoped_lock lock(mutex_);
  return ends_;
}

void WorkflowLoad::Listener::GiveUp(const Error& error) {
  const std::scoped_lock lock(mutex_);
  Fail(error);
  Notify();
}

std::vector<SteadyClock::time_point> WorkflowLoad::Listener::times() {
  const std::scoped_lock lock(mutex_);
  return times_;
}

WorkflowLoad::WorkflowLoad(const std::shared_ptr<grpc::Channel>& channel,
                           const MeasuredService& service)
    : listener_(channel), emitter_(channel, service, listener_) {}

Result<void> WorkflowLoad::WaitReady() { return listener_.WaitReady(); }

Result<std::chrono::duration<double>> WorkflowLoad::Run(std::size_t workflows,
                                                        std::size_t in_flight) {
  emitter_.Restart();
  listener_.Restart(workflows);
  const auto started = SteadyClock::now();
  std::size_t emitted = 0;
  while (emitted < workflows) {
    const std::size_t allowed = std::min(workflows, listener_.ends() + in_flight);
    if (allowed > emitted) emitter_.Emit(allowed - emitted);
    emitted = allowed;
    if (emitted < workflows) MESG_TRY(listener_.WaitForEnds(emitted - in_flight + 1));
  }
  MESG_TRY(listener_.WaitForEnds(workflows));
  return SteadyClock::now() - started;
}

Result<std::vector<double>> WorkflowLoad::RunAtRate(std::size_t workflows, double rate) {
  emitter_.Restart();
  listener_.Restart(workflows);
  const auto due = [&, started = SteadyClock::now()](std::size_t number) {
    return started + std::chrono::duration_cast<SteadyClock::duration>(
                         std::chrono::duration<double>(static_cast<double>(number) / rate));
  };
  for (std::size_t emitted = 0; emitted < workflows;) {
    std::this_thread::sleep_until(due(emitted));
    const std::size_t before = emitted;
    const auto now = SteadyClock::now();
    while (emitted < workflows && due(emitted) <= now) ++emitted;
    emitter_.Emit(emitted - before);
  }
  MESG_TRY(listener_.WaitForEnds(workflows));
  std::vector<double> latencies;
  latencies.reserve(workflows);
  const std::vector<SteadyClock::time_point> ends = listener_.times();
  for (std::size_t number = 0; number < workflows; ++number) {
    latencies.push_back(
        std::chrono::duration<double, std::micro>(ends[number] - due(number)).count());
  }
  return latencies;
}

}  // namespace mesg::bench
