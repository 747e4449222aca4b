#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/context.h"
#include "api/grpc/errors.h"

namespace mesg::api {

/// A bidirectional call in batches: at most one message is being written, and all that has gathered
/// meanwhile becomes the next one; reading stops while there is too much under way.
///
/// The broker's threads only note what there is to say and call Wake; messages are built and
/// written by gRPC's threads, or by the crew when nothing was being written.
///
/// Owns itself from Begin until gRPC is done with it; whoever holds it longer may still call
/// everything here, to no effect.
template <typename Request, typename Response>
class BatchStream : public grpc::ServerBidiReactor<Request, Response>,
                    public std::enable_shared_from_this<BatchStream<Request, Response>> {
 public:
  /// `context` outlives the call, the broker whatever calls back.
  BatchStream(Context& context, grpc::CallbackServerContext& call)
      : context_(context), broker_(context.broker), call_(call) {}

  /// Starts `stream`; for gRPC, which is handed a bare pointer.
  static BatchStream* Begin(const std::shared_ptr<BatchStream>& stream) {
    stream->self_ = stream;
    stream->gate_id_ = stream->context_.gate->Register([weak = std::weak_ptr(stream)] {
      if (const auto alive = weak.lock()) alive->Closing();
    });
    if (const auto open = stream->context_.gate->Check(); !open) {
      stream->End(open.error());
    } else if (auto opened = stream->Open(); !opened) {
      stream->End(std::move(opened).error());
    } else {
      stream->ReadOn();
    }
    return stream.get();
  }

 protected:
  // ---- For the conversation. Calls of one kind never overlap; none comes after Ended. ----

  /// Before the first message: an error ends the call.
  virtual Result<void> Open() { return {}; }
  /// A message came. It is this stream's and may be plundered.
  virtual void Received(Request& request) = 0;
  /// The client sends no more: call End when everything is answered.
  virtual void HalfClosed() = 0;
  /// Puts what there is to say into an empty message; false when there is nothing. Beside Received.
  virtual bool Fill(Response& response) = 0;
  /// False stops reading, until ReadOn. Under a lock: only looks at numbers.
  virtual bool HasRoom() const = 0;
  /// Core stops.
  virtual void Closing() { End(Stopping()); }
  /// The call is over, however it ended.
  virtual void Ended() = 0;

  // ---- For the conversation to call, from any thread, without its own lock. ----

  /// There is something to say.
  void Wake() {
    // Whoever sets the mark first schedules; a write under way looks at it when it is done.
    if (pending_.exchange(true)) return;
    const std::scoped_lock lock(mutex_);
    Schedule();
  }
  void ReadOn() {
    const std::scoped_lock lock(mutex_);
    TryRead();
  }
  /// Says what there is to say, then ends the call well. The first end counts.
  void EndWell() {
    const std::scoped_lock lock(mutex_);
    if (end_) return;
    end_ = grpc::Status::OK;
    Schedule();
  }
  /// The same with `error`.
  void EndAfterLast(const Error& error) {
    const std::scoped_lock lock(mutex_);
    if (end_) return;
    end_ = ToStatus(error);
    Schedule();
  }
  /// Ends the call with `error` as soon as the message under way is written.
  void End(const Error& error) {
    const std::scoped_lock lock(mutex_);
    if (end_ && abrupt_) return;
    end_ = ToStatus(error);
    abrupt_ = true;
    Schedule();
  }

  broker::Broker& broker() { return broker_; }
  grpc::CallbackServerContext& call() { return call_; }

 private:
  void OnReadDone(bool ok) final {
    if (!ok) {
      HalfClosed();
    } else if (!IsAbrupt()) {
      Received(request_);
    }
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    read_ended_ = read_ended_ || !ok;
    TryRead();
  }

  void OnWriteDone(bool ok) final {
    if (!ok) {
      const std::scoped_lock lock(mutex_);
      Break();
    }
    Continue();
  }

  void OnCancel() final {
    const std::scoped_lock lock(mutex_);
    Break();
    Schedule();
  }

  void OnDone() final {
    context_.gate->Leave(gate_id_);
    Ended();
    const auto last = std::move(self_);  // Keeps it for the rest of this function.
  }

  bool IsAbrupt() {
    const std::scoped_lock lock(mutex_);
    return abrupt_;
  }

  // Break, TryRead and Schedule run under the lock.

  /// Nobody hears what is said any more.
  void Break() {
    if (!end_ || !abrupt_) end_ = grpc::Status(grpc::StatusCode::CANCELLED, "the call is over");
    abrupt_ = true;
  }

  void TryRead() {
    if (reading_ || read_ended_ || finished_ || (end_ && abrupt_) || !HasRoom()) return;
    reading_ = true;
    this->StartRead(&request_);
  }

  void Schedule() {
    if (writing_ || finished_) return;
    writing_ = true;
    context_.crew.Soon([self = this->shared_from_this()] { self->Continue(); });
  }

  /// The turn of whoever set writing_: writes the next message, ends, or has nothing to do.
  void Continue() {
    while (true) {
      const bool abrupt = IsAbrupt();
      if (!abrupt) {
        pending_ = false;
        response_.Clear();
        if (Fill(response_)) {
          this->StartWrite(&response_);
          return;
        }
      }
      const std::scoped_lock lock(mutex_);
      if (!abrupt && (pending_ || abrupt_)) continue;
      writing_ = false;
      if (!end_) return;
      finished_ = true;
      this->Finish(*end_);
      return;
    }
  }

  Context& context_;
  broker::Broker& broker_;
  grpc::CallbackServerContext& call_;
  std::shared_ptr<BatchStream> self_;
  Gate::Id gate_id_ = 0;
  Request request_;
  Response response_;
  std::atomic<bool> pending_ = false;  // Woken, and not filled since.

  std::mutex mutex_;
  bool reading_ = false;
  bool read_ended_ = false;
  bool writing_ = false;  // Somebody fills and writes, or is about to.
  bool abrupt_ = false;   // What is left to say is not said.
  bool finished_ = false;
  std::optional<grpc::Status> end_;
};

}  // namespace mesg::api
