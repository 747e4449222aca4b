#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include "link/connection.h"

namespace mesg::sdk::internal {

/// What a conversation does with its stream. Calls never overlap with one another, except that Fill
/// may run beside Received; they must not block. None comes after Stream::WaitClosed returned true.
template <typename Request, typename Response>
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  /// A new call begins: nothing was sent on it yet.
  virtual void Opened() = 0;
  /// The next message to send; false when there is nothing. Runs under the stream's lock, so it
  /// must not call the stream, and whoever calls the stream must not hold a lock that Fill takes.
  virtual bool Fill(Request& request) = 0;
  /// A message came. False pauses reading until Stream::Resume.
  virtual bool Received(Response& response) = 0;
  /// The call ended: what was sent on it and not answered may or may not have arrived. True tries
  /// again after a pause.
  virtual bool Closed(const Error& error) = 0;

 protected:
  StreamHandler& AsHandler() { return *this; }
};

/// A bidirectional call that is made again, after growing pauses, whenever it ends.
///
/// Messages are pulled: Wake() says that there is something, and Fill builds one message out of all
/// that has gathered while the last one was written. Any thread.
template <typename Request, typename Response>
class Stream : public std::enable_shared_from_this<Stream<Request, Response>> {
 public:
  using Handler = StreamHandler<Request, Response>;
  using Reactor = grpc::ClientBidiReactor<Request, Response>;
  using Begin = std::function<void(grpc::ClientContext*, Reactor*)>;

  /// Borrows both until WaitClosed returned true.
  Stream(Connection& connection, Handler& handler, Begin begin)
      : connection_(connection), handler_(handler), begin_(std::move(begin)) {}

  void Start() {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(started_, true) || stopping_) return;
    Later(std::chrono::milliseconds(0));
  }

  /// There is something to send.
  void Wake() {
    // Whoever set the mark first pumps, or the write under way will when it is done.
    if (pending_.exchange(true)) return;
    const std::scoped_lock lock(mutex_);
    if (!writing_) Pump();
  }

  /// Reads on after Received returned false.
  void Resume() {
    const std::scoped_lock lock(mutex_);
    if (paused_ && open_) {
      paused_ = false;
      attempt_->Read();
    } else {
      resumed_ = true;
    }
  }

  /// Ends the current call; it is made again.
  void Reset() {
    const std::scoped_lock lock(mutex_);
    if (attempt_ != nullptr) attempt_->context.TryCancel();
  }

  /// Says that nothing more will be sent and lets Core end the call; it is not made again.
  void Finish() {
    const std::scoped_lock lock(mutex_);
    finishing_ = true;
    if (attempt_ != nullptr) {
      if (!writing_) Pump();
    } else if (!opening_) {
      CloseForGood();
    }
  }

  /// Ends the call now, for good.
  void Stop() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    if (attempt_ != nullptr) {
      attempt_->context.TryCancel();
    } else if (!opening_) {
      CloseForGood();
    }
  }

  /// True when the stream has ended for good and calls its handler no more.
  bool WaitClosed(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    return closed_changed_.wait_until(lock, until, [this] { return closed_; });
  }
  void WaitClosed() {
    std::unique_lock lock(mutex_);
    closed_changed_.wait(lock, [this] { return closed_; });
  }

 private:
  // One call. gRPC reports to it and it deletes itself after the last report. The hold keeps it
  // alive for writes from outside its reactions until reading has ended.
  class Attempt final : public Reactor {
   public:
    explicit Attempt(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

    void Begin() {
      stream_->begin_(&context, this);
      this->AddHold();
      Read();
      this->StartCall();
    }
    void Read() { this->StartRead(&in_); }
    void Write() { this->StartWrite(&out); }

    void OnReadDone(bool ok) override {
      if (!ok) {
        stream_->ReadEnded();
        this->RemoveHold();
        return;
      }
      stream_->reconnects_ = 0;
      const bool go_on = stream_->handler_.Received(in_);
      in_.Clear();
      if (go_on || stream_->MayReadOn()) Read();
    }
    void OnWriteDone(bool ok) override {
      if (ok) stream_->Written();
    }
    void OnDone(const grpc::Status& status) override {
      const auto stream = std::move(stream_);
      const Error error = status.ok() ? Unavailable("Core closed the connection") : ToError(status);
      delete this;  // First: nothing of gRPC is left once the stream counts as closed.
      stream->Ended(error);
    }

    grpc::ClientContext context;
    Request out;

   private:
    std::shared_ptr<Stream> stream_;
    Response in_;
  };

  // On the thread that keeps time.
  void Open() {
    // Nothing is written before there is somebody to read it: "sent" shall mean something.
    const bool reachable = connection_.WaitReachable();
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_ || finishing_) return CloseForGood();
      if (!reachable) return Later(std::chrono::milliseconds(0));
      opening_ = true;
    }
    handler_.Opened();
    auto* const attempt = new Attempt(this->shared_from_this());
    connection_.Authorize(attempt->context);
    {
      const std::scoped_lock lock(mutex_);
      opening_ = false;
      attempt_ = attempt;
      if (stopping_) attempt->context.TryCancel();
    }
    attempt->Begin();
    const std::scoped_lock lock(mutex_);
    if (attempt_ != attempt || read_ended_) return;
    open_ = true;
    Pump();
  }

  // Under the lock, while nothing is being written.
  void Pump() {
    if (!open_ || half_closed_) return;
    pending_ = false;
    attempt_->out.Clear();
    if (handler_.Fill(attempt_->out)) {
      writing_ = true;
      attempt_->Write();
    } else if (finishing_) {
      half_closed_ = true;
      attempt_->StartWritesDone();
    }
  }

  void Written() {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    Pump();
  }

  bool MayReadOn() {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(resumed_, false)) return true;
    paused_ = true;
    return false;
  }

  void ReadEnded() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
    read_ended_ = true;
  }

  void Ended(const Error& error) {
    {
      const std::scoped_lock lock(mutex_);
      attempt_ = nullptr;
      open_ = writing_ = paused_ = resumed_ = half_closed_ = read_ended_ = false;
      pending_ = false;
      opening_ = true;  // Until the handler has heard: Stop must not count it as closed before.
    }
    const bool again = handler_.Closed(error);
    const std::scoped_lock lock(mutex_);
    opening_ = false;
    if (!again || stopping_ || finishing_) return CloseForGood();
    Later(Backoff(++reconnects_));
  }

  void Later(std::chrono::milliseconds pause) {
    connection_.timers().After(pause, [weak = this->weak_from_this()] {
      if (const auto stream = weak.lock()) stream->Reopen();
    });
  }

  void Reopen() {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
    }
    Open();
  }

  void CloseForGood() {
    closed_ = true;
    closed_changed_.notify_all();
  }

  Connection& connection_;
  Handler& handler_;
  const Begin begin_;
  std::atomic<bool> pending_ = false;  // Woken, and not filled since.
  std::atomic<unsigned> reconnects_ = 0;

  std::mutex mutex_;
  std::condition_variable closed_changed_;
  Attempt* attempt_ = nullptr;
  bool started_ = false;
  bool opening_ = false;
  bool open_ = false;  // Messages can be written.
  bool read_ended_ = false;
  bool writing_ = false;
  bool half_closed_ = false;
  bool paused_ = false;   // Reading waits for Resume.
  bool resumed_ = false;  // Resume came before the pause.
  bool stopping_ = false;
  bool finishing_ = false;
  bool closed_ = false;
};

}  // namespace mesg::sdk::internal
