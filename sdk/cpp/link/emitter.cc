#include "link/emitter.h"

#include <iterator>
#include <utility>

namespace mesg::sdk::internal {
namespace {

// What one request gathers at most: enough to make gRPC's cost per message small, and far below any
// payload limit.
constexpr std::size_t kBatchEvents = 512;
constexpr std::size_t kBatchBytes = 512 * 1024;
constexpr std::chrono::milliseconds kSweepPause{100};

// The part of a joint answer that concerns `count` events from `first` on.
Emitted Part(const v1::EmitResponse& response, int first, int count,
             const std::vector<bool>& own_ids) {
  Emitted emitted;
  for (int i = first; i < first + count && i < response.positions_size(); ++i) {
    emitted.positions.push_back(response.positions(i));
  }
  for (const auto index : response.duplicates()) {
    const int at = static_cast<int>(index) - first;
    // An id of our own is known to Core only because we sent it twice.
    if (at >= 0 && at < count && !own_ids[static_cast<std::size_t>(at)]) {
      emitted.duplicates.push_back(static_cast<std::size_t>(at));
    }
  }
  emitted.versions.assign(response.versions().begin(), response.versions().end());
  emitted.durability = response.durability();
  return emitted;
}

}  // namespace

Emitter::Emitter(Connection& connection, Limits limits)
    : connection_(connection),
      limits_(limits),
      id_prefix_(UniqueId() + "-"),
      stub_(v1::Events::NewStub(connection.channel())),
      alive_(std::make_shared<Alive>()),
      stream_(std::make_shared<Stream<v1::EmitRequest, v1::EmitResponse>>(
          connection, AsHandler(),
          [this](auto* context, auto* reactor) { stub_->async()->EmitStream(context, reactor); })) {
  alive_->emitter = this;
}

Emitter::~Emitter() {
  {
    const std::scoped_lock lock(alive_->mutex);
    alive_->emitter = nullptr;
  }
  stream_->Stop();
  stream_->WaitClosed();
  Abort();
}

void Emitter::Abort() {
  Calls calls;
  {
    const std::scoped_lock lock(mutex_);
    if (!final_) {
      final_ = mesg::Cancelled("the service is closing, Core has not acknowledged this emit");
    }
    for (Flight& flight : flights_) {
      for (Pending& pending : flight) Settle(pending, *final_, calls);
    }
    for (Pending& pending : queue_) Settle(pending, *final_, calls);
    queue_.clear();
  }
  for (const auto& call : calls) call();
}

Result<void> Emitter::Emit(const std::vector<Event>& events, const std::vector<KeyChange>& changes,
                           Done done) {
  Pending pending;
  pending.done = std::move(done);
  pending.deadline = std::chrono::steady_clock::now() + limits_.timeout;
  for (const Event& event : events) {
    ToWire(event, *pending.request.add_events());
    pending.own_ids.push_back(event.id.empty());
    pending.bytes += event.json.size();
  }
  for (const KeyChange& change : changes) {
    ToWire(change, *pending.request.add_changes());
    pending.bytes += change.json ? change.json->size() : 0;
  }
  pending.alone = !changes.empty();
  {
    const std::scoped_lock lock(mutex_);
    if (final_) return *final_;
    if (unsettled_ > 0 &&
        (events_ + events.size() > limits_.events || bytes_ + pending.bytes > limits_.bytes)) {
      return ResourceExhausted(
          "{} events with {} bytes wait for Core's acknowledgement, retry after a pause", events_,
          bytes_);
    }
    for (auto& event : *pending.request.mutable_events()) {
      if (event.id().empty()) event.set_id(id_prefix_ + std::to_string(next_id_++));
    }
    events_ += events.size();
    bytes_ += pending.bytes;
    ++unsettled_;
    queue_.push_back(std::move(pending));
    SweepLater();
  }
  stream_->Start();
  stream_->Wake();
  return {};
}

bool Emitter::Flush(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return settled_.wait_until(lock, until, [this] { return unsettled_ == 0; });
}

bool Emitter::Fill(v1::EmitRequest& request) {
  const std::scoped_lock lock(mutex_);
  Flight flight;
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    Pending& next = queue_.front();
    const auto more = static_cast<std::size_t>(next.request.events_size());
    if (!next.done) {  // Given up in the meantime.
      queue_.pop_front();
      continue;
    }
    if (!flight.empty() &&
        (next.alone || events + more > kBatchEvents || bytes + next.bytes > kBatchBytes)) {
      break;
    }
    events += more;
    bytes += next.bytes;
    request.MergeFrom(next.request);  // A copy: it may have to be sent again.
    next.sent = true;
    const bool alone = next.alone;
    flight.push_back(std::move(next));
    queue_.pop_front();
    if (alone) break;
  }
  if (flight.empty()) return false;
  flights_.push_back(std::move(flight));
  return true;
}

bool Emitter::Received(v1::EmitResponse& response) {
  Calls calls;
  bool again = false;
  {
    const std::scoped_lock lock(mutex_);
    if (flights_.empty()) return true;
    if (response.has_error() && response.error().code() == static_cast<int>(Code::kUnavailable)) {
      again = true;  // Core is going away; a new connection takes everything back.
    } else {
      Flight flight = std::move(flights_.front());
      flights_.pop_front();
      if (response.has_error() && flight.size() > 1 &&
          response.error().code() != static_cast<int>(Code::kResourceExhausted)) {
        for (Pending& pending : flight) pending.alone = true;
        queue_.insert(queue_.begin(), std::move_iterator(flight.begin()),
                      std::move_iterator(flight.end()));
      } else {
        int first = 0;
        for (Pending& pending : flight) {
          const int count = pending.request.events_size();
          if (response.has_error()) {
            Error error = ToError(response.error());
            if (error.code == Code::kAborted && pending.resent) error.reason = "RESENT";
            Settle(pending, std::move(error), calls);
          } else {
            Settle(pending, Part(response, first, count, pending.own_ids), calls);
          }
          first += count;
        }
      }
    }
  }
  for (const auto& call : calls) call();
  if (again) {
    stream_->Reset();
  } else {
    stream_->Wake();
  }
  return true;
}

bool Emitter::Closed(const Error& error) {
  Calls calls;
  const bool final = IsFinal(error);
  {
    const std::scoped_lock lock(mutex_);
    TakeBack();
    if (final) {
      final_ = error;
      for (Pending& pending : queue_) Settle(pending, error, calls);
      queue_.clear();
    }
  }
  for (const auto& call : calls) call();
  return !final;
}

void Emitter::TakeBack() {
  while (!flights_.empty()) {
    Flight& last = flights_.back();
    for (Pending& pending : last) pending.resent = true;
    queue_.insert(queue_.begin(), std::move_iterator(last.begin()), std::move_iterator(last.end()));
    flights_.pop_back();
  }
}

void Emitter::Settle(Pending& pending, Result<Emitted> outcome, Calls& calls) {
  if (!pending.done) return;
  events_ -= static_cast<std::size_t>(pending.request.events_size());
  bytes_ -= pending.bytes;
  --unsettled_;
  if (unsettled_ == 0) settled_.notify_all();
  calls.emplace_back([done = std::exchange(pending.done, nullptr),
                      result = std::move(outcome)]() mutable { done(std::move(result)); });
}

void Emitter::SweepLater() {
  if (std::exchange(sweeping_, true)) return;
  connection_.timers().After(kSweepPause, [alive = alive_] {
    const std::scoped_lock lock(alive->mutex);
    if (alive->emitter != nullptr) alive->emitter->Sweep();
  });
}

void Emitter::Sweep() {
  const auto now = std::chrono::steady_clock::now();
  Calls calls;
  {
    const std::scoped_lock lock(mutex_);
    sweeping_ = false;
    const auto expire = [&](Pending& pending) {
      if (pending.deadline > now) return;
      Settle(pending,
             pending.sent
                 ? DeadlineExceeded("Core at {} did not acknowledge in time; the emit was sent and "
                                    "may have happened",
                                    connection_.endpoint())
                 : DeadlineExceeded("Core at {} cannot be reached; nothing was emitted",
                                    connection_.endpoint()),
             calls);
    };
    for (Flight& flight : flights_) {
      for (Pending& pending : flight) expire(pending);
    }
    for (Pending& pending : queue_) expire(pending);
    std::erase_if(queue_, [](const Pending& pending) { return !pending.done; });
    if (unsettled_ > 0) SweepLater();
  }
  for (const auto& call : calls) call();
}

}  // namespace mesg::sdk::internal
