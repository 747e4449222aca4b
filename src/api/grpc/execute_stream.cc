#include "api/grpc/execute_stream.h"

#include <algorithm>
#include <utility>

#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

constexpr std::size_t kMostUnderWay = 8'192;
constexpr std::size_t kMostWaits = 65'536;
constexpr std::size_t kMostFinishedBytes = 16 << 20;
constexpr std::size_t kMessageBytes = 512 << 10;
constexpr int kMessageEntries = 2'048;
constexpr std::size_t kWaitAgain = 8;

std::size_t BytesOf(const Execution& execution) {
  constexpr std::size_t kFixed = 256;
  return kFixed + (execution.outcome
                       ? execution.outcome->outputs.size() + execution.outcome->error.size()
                       : 0);
}

}  // namespace

/// What the broker holds, weakly: gone with the call.
class ExecuteStream::Sink final : public broker::ResultSink {
 public:
  explicit Sink(ExecuteStream* stream) : stream_(stream) {}
  void Detach() {
    const std::scoped_lock lock(mutex_);
    stream_ = nullptr;
  }
  void Finished(std::uint64_t ref, const engine::ExecutionPtr& execution) override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->AddFinished(ref, execution);
  }
  void Flush() override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Wake();
  }

 private:
  std::mutex mutex_;
  ExecuteStream* stream_;
};

ExecuteStream::ExecuteStream(Context& context, grpc::CallbackServerContext& call)
    : BatchStream(context, call), sink_(std::make_shared<Sink>(this)) {}
ExecuteStream::~ExecuteStream() { sink_->Detach(); }

void ExecuteStream::Ended() {
  sink_->Detach();
  const std::scoped_lock lock(mutex_);
  created_.clear();
  finished_.clear();
  put_off_.clear();
}

// ---- Requests ----

void ExecuteStream::Received(v1::ExecuteStreamRequest& request) {
  Part waiting;
  Part others;
  std::vector<Created> refused;
  std::size_t room = 0;
  {
    const std::scoped_lock lock(mutex_);
    room = kMostWaits - std::min(waits_, kMostWaits);
  }
  for (v1::ExecuteStreamRequest::Create& create : *request.mutable_creates()) {
    auto read = FromWire(broker(), *create.mutable_request());
    if (read && create.wait() && waiting.refs.size() >= room) {
      read = ResourceExhausted("{} results are waited for in this call, the limit", kMostWaits)
                 .Because("TOO_MANY_WAITS");
    }
    if (!read) {
      refused.push_back({create.ref(), std::move(read).error()});
      continue;
    }
    Part& part = create.wait() ? waiting : others;
    part.requests.push_back(*std::move(read));
    part.refs.push_back(create.ref());
  }
  if (request.creates_size() > kMessageEntries) v1::ExecuteStreamRequest().Swap(&request);
  const std::size_t asked = waiting.refs.size() + others.refs.size();
  under_way_ += asked + refused.size();
  {
    const std::scoped_lock lock(mutex_);
    unanswered_ += asked;
    waits_ += waiting.refs.size();
    std::ranges::move(refused, std::back_inserter(created_));
  }
  if (!waiting.refs.empty()) Ask(std::move(waiting), /*wait=*/true);
  if (!others.refs.empty()) Ask(std::move(others), /*wait=*/false);
  if (!refused.empty()) Wake();
}

void ExecuteStream::Ask(Part part, bool wait) {
  auto self = std::static_pointer_cast<ExecuteStream>(shared_from_this());
  auto refs = wait ? part.refs : std::vector<std::uint64_t>();
  broker().Create(
      std::move(part.requests),
      wait ? std::weak_ptr<broker::ResultSink>(sink_) : std::weak_ptr<broker::ResultSink>(),
      std::move(refs),
      [self = std::move(self), asked = std::move(part.refs),
       wait](std::vector<Result<engine::Created>> results) {
        self->Answered(asked, wait, std::move(results));
      });
}

void ExecuteStream::Answered(const std::vector<std::uint64_t>& refs, bool wait,
                             std::vector<Result<engine::Created>> results) {
  {
    const std::scoped_lock lock(mutex_);
    unanswered_ -= refs.size();
    for (std::size_t i = 0; i < refs.size(); ++i) {
      if (wait && !results[i]) --waits_;
      created_.push_back({refs[i], std::move(results[i])});
    }
  }
  Wake();
}

void ExecuteStream::HalfClosed() {
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    half_closed_ = true;
    over = IsOver();
  }
  if (over) EndWell();
}

bool ExecuteStream::IsOver() const {
  return half_closed_ && unanswered_ == 0 && waits_ == 0 && created_.empty();
}

bool ExecuteStream::HasRoom() const { return under_way_ < kMostUnderWay; }

// ---- Answers ----

void ExecuteStream::AddFinished(std::uint64_t ref, const engine::ExecutionPtr& execution) {
  const std::scoped_lock lock(mutex_);
  if (finished_bytes_ >= kMostFinishedBytes) {
    put_off_.emplace_back(ref, execution->id);
    return;
  }
  finished_bytes_ += BytesOf(*execution);
  finished_.push_back({ref, execution});
}

void ExecuteStream::WaitAgain(const std::vector<std::pair<std::uint64_t, ExecutionId>>& waits) {
  for (const auto& [ref, id] : waits) {
    broker().Wait(id, sink_, ref,
                  [self = std::static_pointer_cast<ExecuteStream>(shared_from_this())](
                      const Result<void>& found) {
                    if (!found) self->End(found.error());
                  });
  }
}

bool ExecuteStream::Fill(v1::ExecuteStreamResponse& response) {
  std::vector<Created> created;
  std::vector<Finished> finished;
  std::vector<std::pair<std::uint64_t, ExecutionId>> again;
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    while (!created_.empty() && created.size() < kMessageEntries) {
      created.push_back(std::move(created_.front()));
      created_.pop_front();
    }
    std::size_t bytes = 0;
    // Not before its creation was said.
    while (created_.empty() && !finished_.empty() && finished.size() < kMessageEntries &&
           bytes < kMessageBytes) {
      bytes += BytesOf(*finished_.front().execution);
      finished.push_back(std::move(finished_.front()));
      finished_.pop_front();
    }
    finished_bytes_ -= bytes;
    waits_ -= finished.size();
    if (finished_bytes_ < kMostFinishedBytes / 2) {
      for (; !put_off_.empty() && again.size() < kWaitAgain; put_off_.pop_front()) {
        again.push_back(put_off_.front());
      }
    }
    over = IsOver();
  }
  for (const Created& one : created) {
    if (!one.result) {
      auto& refused = *response.add_refused();
      refused.set_ref(one.ref);
      ToWire(one.result.error(), *refused.mutable_error());
      continue;
    }
    auto& added = *response.add_created();
    added.set_ref(one.ref);
    added.set_id(one.result->id.Text());
    added.set_existed(one.result->existed);
  }
  for (const Finished& one : finished) {
    auto& added = *response.add_finished();
    added.set_ref(one.ref);
    added.set_id(one.execution->id.Text());
    added.set_state(ToWire(one.execution->state));
    if (one.execution->outcome) ToWire(*one.execution->outcome, *added.mutable_outcome());
  }
  if (!created.empty()) {
    const std::size_t before = under_way_.fetch_sub(created.size());
    if (before >= kMostUnderWay && before - created.size() < kMostUnderWay) ReadOn();
  }
  if (!again.empty()) WaitAgain(again);
  if (over) EndWell();
  return !created.empty() || !finished.empty();
}

}  // namespace mesg::api
