#include "api/grpc/worker_stream.h"

#include <algorithm>
#include <utility>

#include "api/grpc/auth.h"
#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

constexpr std::size_t kMostUnderWay = 8'192;
constexpr std::size_t kMessageBytes = 512 << 10;
constexpr int kMessageEntries = 2'048;
constexpr std::size_t kLongestName = 256;

}  // namespace

/// What the broker holds: it may outlive the call.
class WorkerStream::Sink final : public broker::WorkerSink {
 public:
  explicit Sink(WorkerStream* stream) : stream_(stream) {}
  void Detach() {
    const std::scoped_lock lock(mutex_);
    stream_ = nullptr;
  }
  void Deliver(const broker::Delivery& delivery) override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Deliver(delivery);
  }
  void Cancelled(std::string_view delivery_id, std::string_view reason) override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Cancelled(delivery_id, reason);
  }
  void Drain() override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Drain();
  }
  void Flush() override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Wake();
  }

 private:
  std::mutex mutex_;
  WorkerStream* stream_;
};

WorkerStream::WorkerStream(Context& context, grpc::CallbackServerContext& call)
    : BatchStream(context, call), sink_(std::make_shared<Sink>(this)) {}
WorkerStream::~WorkerStream() { sink_->Detach(); }

// ---- The connection ----

Result<void> WorkerStream::Open() {
  instance_ = MESG_TRY(Authenticate(call(), broker()));
  return {};
}

Result<void> WorkerStream::Greet(const v1::WorkerMessage::Hello& hello) {
  if (std::exchange(greeted_, true)) {
    return InvalidArgument("the worker has said hello already").Because("UNEXPECTED_MESSAGE");
  }
  name_ = hello.name().substr(0, kLongestName);
  broker::WorkerHello greeting{instance_->GetSource()->instance_hash,
                               ToUtf8(name_),
                               {hello.tasks().begin(), hello.tasks().end()},
                               hello.credits()};
  broker().ConnectWorker(
      std::move(greeting), sink_,
      [self = std::static_pointer_cast<WorkerStream>(shared_from_this()), asked = hello.credits()](
          const Result<broker::WorkerId>& worker) { self->Connected(worker, asked); });
  return {};
}

void WorkerStream::Connected(const Result<broker::WorkerId>& worker, std::uint32_t asked) {
  if (!worker) {
    End(worker.error());
    return;
  }
  bool too_late = false;
  {
    const std::scoped_lock lock(mutex_);
    too_late = disconnected_;
    if (!too_late) {
      worker_ = *worker;
      auto& welcome = *Last().mutable_welcome();
      welcome.set_instance_hash(instance_->GetSource()->instance_hash);
      welcome.set_service(instance_->Name());
      welcome.set_durability(std::string(Name(broker().GetSettings().durability)));
      welcome.set_max_credits(static_cast<std::uint32_t>(
          std::min<std::size_t>(asked, broker().GetSettings().limits.worker_credits)));
    }
  }
  if (too_late) {
    broker().DisconnectWorker(*worker);
  } else {
    Wake();
  }
}

void WorkerStream::Disconnect() {
  std::optional<broker::WorkerId> worker;
  {
    const std::scoped_lock lock(mutex_);
    disconnected_ = true;
    worker = std::exchange(worker_, std::nullopt);
  }
  if (worker) broker().DisconnectWorker(*worker);
}

void WorkerStream::HalfClosed() {
  Disconnect();
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    half_closed_ = true;
    over = IsOver();
  }
  if (over) EndWell();
}

bool WorkerStream::IsOver() const {
  return half_closed_ && unanswered_ == 0 && emits_.size() == 0 && messages_.empty();
}

bool WorkerStream::HoldsNothing() const { return held_ <= 0 && unanswered_ == 0; }

// Work under way may still be answered: a task whose effect must not happen twice would otherwise
// have an unknown outcome because of an orderly stop.
void WorkerStream::Closing() {
  std::optional<broker::WorkerId> worker;
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    worker = worker_;
    over = !worker || HoldsNothing();
    Last().set_drain(true);
  }
  if (worker) broker().DrainWorker(*worker);
  if (over) {
    EndAfterLast(Stopping());
  } else {
    Wake();
  }
}

void WorkerStream::Ended() {
  sink_->Detach();
  Disconnect();
  const std::scoped_lock lock(mutex_);
  messages_.clear();
}

// ---- What the worker says ----

bool WorkerStream::HasRoom() const { return under_way_ < kMostUnderWay; }

void WorkerStream::Received(v1::WorkerMessage& message) {
  Result<void> done;
  if (message.has_hello()) {
    done = Greet(message.hello());
  } else if (!greeted_) {
    done = InvalidArgument("a worker says `hello` first").Because("HELLO_MISSING");
  }
  if (!done) {
    End(done.error());
    return;
  }
  std::optional<broker::WorkerId> worker;
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    worker = worker_;
    held_ -= message.refusals_size();
    over = closing_ && message.answers().empty() && HoldsNothing();
  }
  if (over) EndAfterLast(Stopping());
  if (worker) {
    if (message.credits() != 0) broker().AddCredits(*worker, message.credits());
    if (message.drain()) broker().DrainWorker(*worker);
    if (message.has_health()) {
      constexpr std::size_t kLongestProblem = 1024;
      broker().ReportHealth(*worker, message.health().problem().substr(0, kLongestProblem));
    }
    for (const v1::Refusal& refusal : message.refusals()) {
      broker().RefuseDelivery(*worker, refusal.delivery_id(), refusal.reason());
    }
  }
  if (!message.answers().empty()) TakeAnswers(message);
  if (!message.emits().empty()) TakeEmits(message);
  if (message.answers_size() > kMessageEntries) v1::WorkerMessage().Swap(&message);
}

void WorkerStream::TakeAnswers(v1::WorkerMessage& message) {
  std::vector<broker::DeliveryAnswer> answers;
  std::vector<std::string> ids;
  std::vector<std::pair<std::string, Error>> refused;
  answers.reserve(static_cast<std::size_t>(message.answers_size()));
  ids.reserve(static_cast<std::size_t>(message.answers_size()));
  for (v1::Answer& answer : *message.mutable_answers()) {
    auto read = FromWire(answer);
    if (read) {
      ids.push_back(answer.delivery_id());
      answers.push_back(*std::move(read));
    } else {
      refused.emplace_back(answer.delivery_id(), std::move(read).error());
    }
  }
  under_way_ += answers.size() + refused.size();
  {
    const std::scoped_lock lock(mutex_);
    unanswered_ += answers.size();
    for (const auto& [id, error] : refused) {
      auto& accepted = *Last().add_accepted();
      accepted.set_delivery_id(id);
      ToWire(error, *accepted.mutable_error());
    }
  }
  if (!refused.empty()) Wake();
  if (answers.empty()) return;
  broker().Answer(
      instance_->GetSource()->instance_hash, name_, std::move(answers),
      [self = std::static_pointer_cast<WorkerStream>(shared_from_this()), ids = std::move(ids)](
          const std::vector<Result<engine::Emitted>>& results) { self->Answered(ids, results); });
}

void WorkerStream::Answered(const std::vector<std::string>& delivery_ids,
                            const std::vector<Result<engine::Emitted>>& results) {
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    unanswered_ -= delivery_ids.size();
    for (std::size_t i = 0; i < delivery_ids.size(); ++i) {
      auto& accepted = *Last().add_accepted();
      accepted.set_delivery_id(delivery_ids[i]);
      if (!results[i]) {
        ToWire(results[i].error(), *accepted.mutable_error());
        continue;
      }
      --held_;
      for (const std::uint64_t sequence : results[i]->sequences) {
        AppendPosition(broker(), instance_->Name(), sequence, *accepted.add_positions());
      }
      for (const std::uint64_t version : results[i]->versions) accepted.add_versions(version);
    }
    over = closing_ && HoldsNothing();
  }
  Wake();
  if (over) EndAfterLast(Stopping());
}

void WorkerStream::TakeEmits(v1::WorkerMessage& message) {
  for (v1::EmitRequest& emit : *message.mutable_emits()) {
    std::uint64_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      number = emits_.Open();
    }
    ++under_way_;
    EmitFor(broker(), instance_, emit,
            [self = std::static_pointer_cast<WorkerStream>(shared_from_this()), number](
                Result<engine::Emitted> emitted) { self->Emitted(number, std::move(emitted)); });
  }
}

void WorkerStream::Emitted(std::uint64_t request, EmitQueue::Outcome outcome) {
  {
    const std::scoped_lock lock(mutex_);
    emits_.Close(request, std::move(outcome));
  }
  Wake();
}

// ---- What Core says ----

v1::CoreMessage& WorkerStream::Last() {
  const bool full = !messages_.empty() && (last_bytes_ >= kMessageBytes ||
                                           messages_.back()->deliveries_size() >= kMessageEntries ||
                                           messages_.back()->accepted_size() >= kMessageEntries);
  if (messages_.empty() || full) {
    messages_.push_back(spare_ ? std::move(spare_) : std::make_unique<v1::CoreMessage>());
    last_bytes_ = 0;
  }
  return *messages_.back();
}

void WorkerStream::Deliver(const broker::Delivery& delivery) {
  const std::scoped_lock lock(mutex_);
  // A client looks at what is cancelled last: what was cancelled before this goes before it.
  if (!messages_.empty() && !messages_.back()->cancelled().empty()) last_bytes_ = kMessageBytes;
  ++held_;
  v1::Delivery& added = *Last().add_deliveries();
  const Execution& execution = delivery.execution;
  added.set_delivery_id(delivery.id.data(), delivery.id.size());
  added.set_execution_id(execution.id.Text());
  added.set_task(execution.task);
  added.set_inputs(execution.inputs);
  added.set_attempt(delivery.attempt);
  added.set_deadline_us(ToMicros(delivery.deadline));
  for (const std::string& tag : execution.tags) added.add_tags(tag);
  if (!execution.traceparent.empty()) added.set_traceparent(execution.traceparent);
  last_bytes_ += execution.inputs.size();
}

void WorkerStream::Cancelled(std::string_view delivery_id, std::string_view reason) {
  const std::scoped_lock lock(mutex_);
  --held_;
  auto& cancelled = *Last().add_cancelled();
  cancelled.set_delivery_id(delivery_id.data(), delivery_id.size());
  cancelled.set_reason(ToUtf8(reason));
}

void WorkerStream::Drain() {
  const std::scoped_lock lock(mutex_);
  Last().set_drain(true);
}

bool WorkerStream::Fill(v1::CoreMessage& message) {
  std::vector<EmitQueue::Outcome> emitted;
  std::unique_ptr<v1::CoreMessage> next;
  std::size_t answered = 0;
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!messages_.empty()) {
      next = std::move(messages_.front());
      messages_.pop_front();
    }
    while (emitted.size() < kMessageEntries) {
      auto outcome = emits_.Take();
      if (!outcome) break;
      emitted.push_back(*std::move(outcome));
    }
    over = IsOver();
  }
  const bool some = next != nullptr || !emitted.empty();
  if (next != nullptr) {
    message.Swap(next.get());
    answered += static_cast<std::size_t>(message.accepted_size());
  }
  for (const EmitQueue::Outcome& outcome : emitted) {
    ToWire(broker(), instance_, outcome, *message.add_emitted());
  }
  answered += emitted.size();
  if (next != nullptr) {
    const std::scoped_lock lock(mutex_);
    spare_ = std::move(next);  // With the memory of the message before, to be used again.
  }
  if (answered != 0) {
    const std::size_t before = under_way_.fetch_sub(answered);
    if (before >= kMostUnderWay && before - answered < kMostUnderWay) ReadOn();
  }
  if (over) EndWell();
  return some;
}

}  // namespace mesg::api
