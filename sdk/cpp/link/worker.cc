#include "link/worker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"

namespace mesg::sdk::internal {
namespace {

constexpr int kBatchAnswers = 512;
constexpr std::size_t kBatchBytes = 512 * 1024;

}  // namespace

Worker::Worker(Connection& connection, v1::WorkerMessage::Hello hello, Events events)
    : connection_(connection),
      hello_(std::move(hello)),
      events_(std::move(events)),
      stub_(v1::Worker::NewStub(connection.channel())),
      alive_(std::make_shared<Alive>()),
      stream_(std::make_shared<Stream<v1::WorkerMessage, v1::CoreMessage>>(
          connection, AsHandler(),
          [this](auto* context, auto* reactor) { stub_->async()->Connect(context, reactor); })) {
  alive_->worker = this;
}

Worker::~Worker() {
  {
    const std::scoped_lock lock(alive_->mutex);
    alive_->worker = nullptr;
  }
  stream_->Stop();
  stream_->WaitClosed();
}

bool Worker::connected() const {
  const std::scoped_lock lock(mutex_);
  return welcomed_;
}

void Worker::Answer(const std::string& ticket, v1::Answer answer) {
  {
    const std::scoped_lock lock(mutex_);
    auto holding = LetGo(ticket);
    if (!holding) return;
    if (holding->lost) crossing_.insert(holding->delivery);
    answer.set_delivery_id(holding->delivery);
    answers_.push_back({std::move(holding->execution), std::move(answer)});
  }
  stream_->Wake();
}

void Worker::Refuse(const std::string& ticket, std::string reason) {
  bool leave = false;
  {
    const std::scoped_lock lock(mutex_);
    auto holding = LetGo(ticket);
    if (!holding) return;
    if (!holding->lost) {  // Else the end of the connection handed it back already.
      v1::Refusal refusal;
      refusal.set_delivery_id(std::move(holding->delivery));
      refusal.set_reason(std::move(reason));
      refusals_.push_back(std::move(refusal));
    }
    NoteIdle(leave);
  }
  stream_->Wake();
  if (leave) stream_->Reset();
}

void Worker::Drain() {
  {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
  }
  stream_->Wake();
}

void Worker::ReportHealth(std::string problem) {
  {
    const std::scoped_lock lock(mutex_);
    if (problem == problem_) return;
    problem_ = std::move(problem);
    problem_sent_ = false;
  }
  stream_->Wake();
}

bool Worker::WaitSettled(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(
      lock, until, [this] { return held_.empty() && answers_.empty() && unsettled_.empty(); });
}

void Worker::Close(std::chrono::steady_clock::time_point until) {
  stream_->Finish();
  if (!stream_->WaitClosed(until)) stream_->Stop();
  stream_->WaitClosed();
}

void Worker::Opened() {
  const std::scoped_lock lock(mutex_);
  greeted_ = welcomed_ = drain_sent_ = core_drains_ = false;
  problem_sent_ = problem_.empty();
}

bool Worker::Fill(v1::WorkerMessage& message) {
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(greeted_, true)) {
    *message.mutable_hello() = hello_;
    if (draining_) message.mutable_hello()->set_credits(0);
    return true;
  }
  if (!welcomed_) return false;  // Core knows nothing of us yet.
  bool some = false;
  if (draining_ && !std::exchange(drain_sent_, true)) {
    message.set_drain(true);
    some = true;
  }
  if (!std::exchange(problem_sent_, true)) {
    message.mutable_health()->set_problem(problem_);
    some = true;
  }
  std::size_t bytes = 0;
  for (int count = 0; !answers_.empty() && count < kBatchAnswers && bytes < kBatchBytes; ++count) {
    Made& made = answers_.front();
    *message.add_answers() = made.answer;  // A copy: it may have to be sent again.
    bytes += made.answer.success().outputs().size();
    std::string delivery = made.answer.delivery_id();
    unsettled_.insert_or_assign(std::move(delivery), std::move(made));
    answers_.pop_front();
    some = true;
  }
  for (v1::Refusal& refusal : refusals_) {
    *message.add_refusals() = std::move(refusal);
    some = true;
  }
  refusals_.clear();
  return some;
}

bool Worker::Received(v1::CoreMessage& message) {
  std::vector<v1::Delivery> deliveries;
  std::vector<std::string> cancelled;
  std::vector<std::string> log;
  bool leave = false;
  {
    const std::scoped_lock lock(mutex_);
    if (message.has_welcome()) welcomed_ = true;
    for (const v1::Accepted& accepted : message.accepted()) Settle(accepted, log);
    for (v1::Delivery& delivery : *message.mutable_deliveries()) {
      if (Take(delivery)) deliveries.push_back(std::move(delivery));
    }
    for (const v1::Cancelled& cancel : message.cancelled()) {
      Abandon(cancel.delivery_id(), cancelled);
    }
    core_drains_ = core_drains_ || message.drain();
    NoteIdle(leave);
  }
  for (const std::string& sentence : log) connection_.log()(sentence);
  for (v1::Delivery& delivery : deliveries) events_.deliver(std::move(delivery));
  for (const std::string& ticket : cancelled) events_.cancel(ticket);
  stream_->Wake();
  if (leave) stream_->Reset();
  return true;
}

bool Worker::Closed(const Error& error) {
  const bool final = IsFinal(error);
  {
    const std::scoped_lock lock(mutex_);
    welcomed_ = false;
    refusals_.clear();  // The end of the connection handed them back already.
    // What was answered may not have been heard; what was not will be delivered again, here or
    // elsewhere, and runs on: a success from any delivery counts.
    for (auto& [delivery, made] : unsettled_) answers_.push_back(std::move(made));
    unsettled_.clear();
    carried_.clear();
    for (const Made& made : answers_) carried_.insert_or_assign(made.execution, made.answer);
    crossing_.clear();
    for (const Made& made : answers_) crossing_.insert(made.answer.delivery_id());
    for (auto& [ticket, holding] : held_) {
      holding.lost = true;
      WatchDeadline(ticket, holding);
    }
    if (final) {
      answers_.clear();
      carried_.clear();
    }
    idle_.notify_all();
  }
  if (final) {
    events_.ended(error);
  } else {
    connection_.log()(fmt::format("lost the connection to Core at {}: {}; trying again",
                                  connection_.endpoint(), error.message));
  }
  return !final;
}

// While nobody can tell it, only the clock says that the result is no longer wanted.
void Worker::WatchDeadline(const std::string& ticket, const Holding& holding) {
  if (holding.deadline_us == 0) return;
  const auto left = FromMicros(holding.deadline_us) - SystemClock().Now();
  const auto delay = std::max(std::chrono::ceil<std::chrono::milliseconds>(left),
                              std::chrono::milliseconds::zero());
  connection_.timers().After(delay, [alive = alive_, ticket, delivery = holding.delivery] {
    const std::scoped_lock lock(alive->mutex);
    if (alive->worker != nullptr) alive->worker->Expire(ticket, delivery);
  });
}

void Worker::Expire(const std::string& ticket, const std::string& delivery) {
  {
    const std::scoped_lock lock(mutex_);
    const auto held = held_.find(ticket);
    if (held == held_.end()) return;
    const Holding& holding = held->second;
    if (!holding.lost || holding.delivery != delivery) return;  // It was handed to us again.
    std::vector<std::string> ignored;
    Abandon(delivery, ignored);
  }
  events_.cancel(ticket);
}

bool Worker::Take(v1::Delivery& delivery) {
  const std::string& execution = delivery.execution_id();
  if (!crossing_.empty() && crossing_.erase(delivery.delivery_id()) > 0) return false;
  if (!carried_.empty()) {
    const auto carried = carried_.find(execution);
    if (carried != carried_.end()) {
      v1::Answer answer = std::move(carried->second);
      carried_.erase(carried);
      // A success stands for the new delivery too. A failure asked for this new attempt.
      if (answer.has_success()) {
        answer.set_delivery_id(delivery.delivery_id());
        answers_.push_back({execution, std::move(answer)});
        return false;
      }
    }
  }
  const auto [wanted, fresh] = wanted_.try_emplace(execution, delivery.delivery_id());
  const std::string& ticket = wanted->second;
  if (fresh) {
    held_.insert_or_assign(ticket,
                           Holding{execution, delivery.delivery_id(), delivery.deadline_us()});
  } else {  // Still being performed: its answer serves this delivery.
    Holding& holding = held_.at(ticket);
    ticket_.erase(holding.delivery);
    holding.delivery = delivery.delivery_id();
    holding.deadline_us = delivery.deadline_us();
    holding.lost = false;
  }
  ticket_.insert_or_assign(delivery.delivery_id(), ticket);
  return fresh;
}

std::optional<Worker::Holding> Worker::LetGo(const std::string& ticket) {
  const auto held = held_.find(ticket);
  if (held == held_.end()) return std::nullopt;
  Holding holding = std::move(held->second);
  held_.erase(held);
  ticket_.erase(holding.delivery);
  const auto wanted = wanted_.find(holding.execution);
  if (wanted != wanted_.end() && wanted->second == ticket) wanted_.erase(wanted);
  return holding;
}

void Worker::Abandon(const std::string& delivery, std::vector<std::string>& tickets) {
  const auto found = ticket_.find(delivery);
  if (found == ticket_.end()) return;
  const auto held = held_.find(found->second);
  // A later attempt of the execution starts afresh: this one has been told to give up.
  wanted_.erase(held->second.execution);
  tickets.push_back(found->second);
}

void Worker::Settle(const v1::Accepted& accepted, std::vector<std::string>& log) {
  const auto found = unsettled_.find(accepted.delivery_id());
  if (found == unsettled_.end()) return;
  const Made made = std::move(found->second);
  unsettled_.erase(found);
  if (!carried_.empty()) carried_.erase(made.execution);
  if (!accepted.has_error()) return;
  // Usual after a disconnect or a cancel: the execution has its result, or another attempt. But if
  // Core refused a success for what it holds, the delivery is still open: say so, rather than let
  // it run into its timeout.
  const Error error = ToError(accepted.error());
  const bool invalid = error.code == Code::kInvalidArgument;
  if (!made.answer.has_success() || (!invalid && error.code != Code::kAborted)) return;
  log.push_back(
      fmt::format("Core refused the answer to execution {}: {}", made.execution, error.message));
  v1::Answer failure;
  failure.set_delivery_id(accepted.delivery_id());
  failure.mutable_failure()->set_error("its answer was refused: " + error.message);
  failure.mutable_failure()->set_permanent(invalid);
  answers_.push_back({made.execution, std::move(failure)});
}

void Worker::NoteIdle(bool& leave) {
  if (!held_.empty() || !answers_.empty() || !unsettled_.empty()) return;
  idle_.notify_all();
  leave = core_drains_ && !draining_;
}

}  // namespace mesg::sdk::internal
