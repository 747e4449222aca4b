#include "nats/subjects.h"

#include <chrono>
#include <utility>

#include "base/encoding.h"
#include "connector/input.h"
#include "nats/handles.h"

namespace mesg::services::nats {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

// What waits for Core here, and beyond that in the library before it drops.
constexpr std::size_t kMostWaiting = 1'024;
constexpr std::size_t kMostWaitingBytes = 8 * 1024 * 1024;
constexpr int kMostPending = 16'384;
constexpr int kMostPendingBytes = 64 * 1024 * 1024;
constexpr std::size_t kMostEvents = 256;
constexpr std::size_t kCommitBytes = 2 * 1024 * 1024;
constexpr seconds kSilence{5};  // After it the server is asked whether it is still there.
constexpr std::int64_t kPatienceMs = 5'000;
constexpr milliseconds kSlice{100};

TimePoint Now() { return SystemClock().Now(); }

std::string Since(TimePoint time) {
  return sdk::JsonObject().Add("since", FormatTime(time)).Take();
}

sdk::Event MessageEvent(natsMsg* message) {
  sdk::JsonObject event;
  event.Add("subject", natsMsg_GetSubject(message));
  const char* const reply = natsMsg_GetReply(message);
  if (reply != nullptr && *reply != 0) event.Add("reply", reply);
  AddContent(event, message);
  return {.key = "message", .json = event.Take()};
}

}  // namespace

struct Subjects::Reach {
  ConnectionHandle connection;
  std::vector<SubscriptionHandle> subscriptions;  // Go before their connection.

  std::int64_t Dropped() const {
    std::int64_t all = 0;
    for (const auto& subscription : subscriptions) {
      std::int64_t dropped = 0;
      if (natsSubscription_GetDropped(subscription.get(), &dropped) == NATS_OK) all += dropped;
    }
    return all;
  }
};

Subjects::Subjects(sdk::Service& service, const Config& config)
    : config_(config), position_(service, "subjects"), on_error_([this](int status) {
        const std::lock_guard lock(mutex_);
        dropped_ = dropped_ || status == NATS_SLOW_CONSUMER;
      }) {}
Subjects::~Subjects() = default;

Result<void> Subjects::Run(Upkeep::Session& session) {
  Reach reach;
  reach.connection = MESG_TRY(Connect(config_, &on_error_));
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
    waiting_bytes_ = 0;
    dropped_ = false;
    open_ = true;
  }
  Result<void> ended = Subscribe(reach);
  if (ended) ended = TellGap(session);
  if (ended) {
    session.Up();
    ended = Listen(reach, session);
  }
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  changed_.notify_all();
  return ended;
}

Result<void> Subjects::Subscribe(Reach& reach) {
  for (const std::string& subject : config_.subjects) {
    natsSubscription* made = nullptr;
    const natsStatus status = natsConnection_Subscribe(
        &made, reach.connection.get(), subject.c_str(),
        [](natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
          const MessageHandle owner(message);
          static_cast<Subjects*>(closure)->Put(MessageEvent(message));
        },
        this);
    if (status != NATS_OK) return Failed(status, "cannot subscribe to " + subject);
    reach.subscriptions.emplace_back(made);
    natsSubscription_SetPendingLimits(made, kMostPending, kMostPendingBytes);
  }
  const natsStatus status = natsConnection_FlushTimeout(reach.connection.get(), kPatienceMs);
  if (status != NATS_OK) return Failed(status, "cannot subscribe");
  return {};
}

Result<void> Subjects::TellGap(Upkeep::Session& session) {
  const auto kept = MESG_TRY(position_.Load(session.Stop()));
  std::vector<sdk::Event> events;
  if (kept) {
    const Input known = MESG_TRY(Input::Read(*kept));
    const std::string since = alive_ == TimePoint() ? known["since"].text : FormatTime(alive_);
    events.push_back(GapEvent("subjects", since, -1));
  }
  alive_ = Now();
  return position_.Move(events, Since(alive_), session.Stop());
}

Result<void> Subjects::Listen(Reach& reach, Upkeep::Session& session) {
  std::int64_t told = 0;
  while (!session.Stopping()) {
    const TimePoint before = Now();
    std::vector<sdk::Event> events = Take();
    bool dropped = false;
    {
      const std::lock_guard lock(mutex_);
      dropped = std::exchange(dropped_, false);
    }
    const std::int64_t lost = reach.Dropped();
    if (dropped || lost > told) {
      events.push_back(GapEvent("dropped", FormatTime(alive_), lost - std::exchange(told, lost)));
    }
    if (!events.empty()) {
      alive_ = before;
      MESG_TRY(position_.Move(events, Since(alive_), session.Stop()));
    } else if (before - alive_ > kSilence || natsConnection_IsClosed(reach.connection.get())) {
      const natsStatus status = natsConnection_FlushTimeout(reach.connection.get(), kPatienceMs);
      if (status != NATS_OK) return Failed(status, "the connection was lost");
      alive_ = before;
    }
  }
  return {};
}

// What has come, or nothing after a short while.
std::vector<sdk::Event> Subjects::Take() {
  std::vector<sdk::Event> events;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kSlice, [&] { return !waiting_.empty(); });
    std::size_t bytes = 0;
    while (!waiting_.empty() && events.size() < kMostEvents && bytes < kCommitBytes) {
      bytes += waiting_.front().json.size();
      events.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    waiting_bytes_ -= bytes;
  }
  changed_.notify_all();
  return events;
}

// On a thread of the library, which keeps what comes meanwhile, up to its limits.
void Subjects::Put(sdk::Event event) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return !open_ || (waiting_.size() < kMostWaiting && waiting_bytes_ < kMostWaitingBytes);
  });
  if (!open_) return;
  waiting_bytes_ += event.json.size();
  waiting_.push_back(std::move(event));
  lock.unlock();
  changed_.notify_all();
}

sdk::Event Subjects::GapEvent(const char* kind, const std::string& since, std::int64_t lost) const {
  std::string subjects;
  for (const std::string& subject : config_.subjects) {
    subjects += (subjects.empty() ? "" : ",") + QuoteJson(subject);
  }
  sdk::JsonObject event;
  event.Add("kind", kind).AddRaw("subjects", "[" + subjects + "]").Add("since", since);
  if (lost >= 0) event.Add("lost", lost);
  return {.key = "gap", .json = event.Take()};
}

}  // namespace mesg::services::nats
