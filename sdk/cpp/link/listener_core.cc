#include "link/listener_core.h"

#include <algorithm>
#include <utility>

namespace mesg::sdk::internal {
namespace {

constexpr std::size_t kReadAhead = 4;  // Messages; each is a batch of Core's making.
constexpr std::chrono::seconds kCloseTimeout{1};

const std::string& PositionOf(const v1::Item& item) {
  return item.has_event() ? item.event().position() : item.result().position();
}

}  // namespace

ListenerCore::ListenerCore(Connection& connection, v1::ListenRequest::Open open, Handle handle)
    : open_(std::move(open)),
      handle_(std::move(handle)),
      stub_(v1::Events::NewStub(connection.channel())),
      received_(open_.after_position()),
      stream_(std::make_shared<Stream<v1::ListenRequest, v1::ListenResponse>>(
          connection, AsHandler(),
          [this](auto* context, auto* reactor) { stub_->async()->Listen(context, reactor); })) {
  stream_->Start();
  thread_ = std::thread([this] { Loop(); });
}

ListenerCore::~ListenerCore() {
  Stop();
  thread_.join();
  if (durable()) {  // The last acknowledgement is still to leave.
    stream_->Finish();
    stream_->WaitClosed(std::chrono::steady_clock::now() + kCloseTimeout);
  }
  stream_->Stop();
  stream_->WaitClosed();
}

Result<void> ListenerCore::WaitReady(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return ready_ || error_.has_value(); });
  if (error_) return *error_;
  if (!ready_) return Unavailable("Core did not open the listener in time; is it running?");
  return {};
}

void ListenerCore::Stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

Result<void> ListenerCore::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  if (error_) return *error_;
  return {};
}

std::string ListenerCore::position() const {
  const std::scoped_lock lock(mutex_);
  return delivered_;
}

void ListenerCore::Opened() {
  const std::scoped_lock lock(mutex_);
  opened_ = false;
  paused_ = false;
  ++connection_;
  // A subscription is sent again from what it acknowledged; what was not handed out comes anew.
  if (durable()) queue_.clear();
}

bool ListenerCore::Fill(v1::ListenRequest& request) {
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(opened_, true)) {
    *request.mutable_open() = open_;
    if (!durable()) {
      if (received_.empty()) {
        request.mutable_open()->set_live(true);
      } else {
        request.mutable_open()->set_after_position(received_);
      }
    }
    return true;
  }
  if (acknowledge_.empty()) return false;
  request.set_acknowledge(std::exchange(acknowledge_, {}));
  return true;
}

bool ListenerCore::Received(v1::ListenResponse& response) {
  const std::scoped_lock lock(mutex_);
  ready_ = ready_ || response.ready();
  if (!response.acknowledged().empty()) NoteConfirmed(response.acknowledged());
  if (!response.position().empty()) {
    received_ = response.position();
  } else if (!response.items().empty()) {
    received_ = PositionOf(*response.items().rbegin());
  }
  if (!response.items().empty()) {
    Batch& batch = queue_.emplace_back();
    batch.response.Swap(&response);
    batch.connection = connection_;
  } else if (queue_.empty() && !response.position().empty()) {
    delivered_ = response.position();
  }
  changed_.notify_all();
  paused_ = queue_.size() >= kReadAhead;
  return !paused_;
}

bool ListenerCore::Closed(const Error& error) {
  if (!IsFinal(error)) return true;
  const std::scoped_lock lock(mutex_);
  error_ = error;
  changed_.notify_all();
  return false;
}

void ListenerCore::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || error_ || !queue_.empty(); });
    if (stopping_ || queue_.empty()) break;
    const Batch batch = std::move(queue_.front());
    queue_.pop_front();
    const bool resume = std::exchange(paused_, false);
    lock.unlock();
    if (resume) stream_->Resume();
    HandOut(batch);
    lock.lock();
  }
  ended_ = true;
  changed_.notify_all();
}

void ListenerCore::HandOut(const Batch& batch) {
  const v1::ListenResponse& response = batch.response;
  std::string last;
  bool fresh = false;
  bool skipped = false;
  bool whole = true;
  for (const v1::Item& item : response.items()) {
    const std::string& position = PositionOf(item);
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) {
        whole = false;
        break;
      }
      if (unconfirmed_set_.contains(position)) {  // Came again: it is dealt with.
        skipped = true;
        continue;
      }
    }
    handle_(item);
    NoteDelivered(position, batch.connection);
    fresh = true;
    last = position;
  }
  if (whole && (fresh || !skipped) && !response.position().empty()) last = response.position();
  {
    const std::scoped_lock lock(mutex_);
    if (!fresh && (!skipped || unconfirmed_.empty())) return;
    if (fresh) delivered_ = last;
    if (!durable()) return;
    if (fresh && !skipped && unconfirmed_set_.insert(last).second) {
      unconfirmed_.push_back({last, batch.connection});
    }
    // Where all of it came again, more than it may be dealt with: an acknowledgement never goes
    // back.
    acknowledge_ = fresh ? last : unconfirmed_.back().position;
  }
  stream_->Wake();
}

void ListenerCore::NoteDelivered(const std::string& position, unsigned connection) {
  const std::scoped_lock lock(mutex_);
  delivered_ = position;
  if (!durable()) return;
  unconfirmed_.push_back({position, connection});
  unconfirmed_set_.insert(position);
}

void ListenerCore::NoteConfirmed(const std::string& position) {
  const auto at = std::ranges::find(unconfirmed_, position, &Delivered::position);
  if (at == unconfirmed_.end() || at->connection != connection_) return;
  for (auto each = unconfirmed_.begin(); each != at + 1; ++each) {
    unconfirmed_set_.erase(each->position);
  }
  unconfirmed_.erase(unconfirmed_.begin(), at + 1);
}

}  // namespace mesg::sdk::internal
