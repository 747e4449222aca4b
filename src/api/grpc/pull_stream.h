#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/errors.h"
#include "api/grpc/gate.h"

namespace mesg::api {

/// The server's side of a stream that writes one message at a time, each filled from what waits
/// when there is room for it, and ends once.
///
/// Owns itself from Begin on, until gRPC is done with it; whoever holds it longer may still call
/// everything here, to no effect. Threads: any.
template <typename Reactor, typename Message>
class PullStream : public Reactor,
                   public std::enable_shared_from_this<PullStream<Reactor, Message>> {
 public:
  explicit PullStream(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}

  /// For gRPC, which is handed a bare pointer. Open() comes first.
  static Reactor* Begin(const std::shared_ptr<PullStream>& stream) {
    stream->self_ = stream;
    if (stream->gate_) {
      stream->gate_id_ = stream->gate_->Register([weak = std::weak_ptr(stream)] {
        if (const auto alive = weak.lock()) alive->Closing();
      });
      if (const auto open = stream->gate_->Check(); !open) {
        stream->End(ToStatus(open.error()));
        return stream.get();
      }
    }
    stream->Open();
    return stream.get();
  }

  void OnWriteDone(bool ok) final {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
    Pump();
  }
  void OnDone() final {
    if (gate_) gate_->Leave(gate_id_);
    Over();
    self_.reset();
  }

 protected:
  virtual void Open() = 0;
  /// Puts what waits into an empty message; false when nothing does. Under mutex().
  virtual bool Fill(Message& message) = 0;
  /// Core stops.
  virtual void Closing() = 0;
  /// The call is over; without any lock.
  virtual void Over() {}

  /// Guards what Fill looks at.
  std::mutex& mutex() { return mutex_; }
  /// There may be something to write. Under mutex().
  void Pump() {
    if (writing_ || ended_) return;
    message_.Clear();
    if (!broken_ && Fill(message_)) {
      writing_ = true;
      this->StartWrite(&message_);
    } else if (end_) {
      ended_ = true;
      this->Finish(*end_);
    }
  }
  /// Ends the call when all that waits is written. The first end counts.
  void End(grpc::Status status) {
    const std::scoped_lock lock(mutex_);
    if (!end_) end_ = std::move(status);
    Pump();
  }
  bool IsEnding() const { return end_.has_value(); }  ///< Under mutex().
  /// The client is gone: nothing is written any more. Under mutex().
  void Break() { broken_ = true; }

 private:
  const std::shared_ptr<Gate> gate_;
  Gate::Id gate_id_ = 0;
  std::shared_ptr<PullStream> self_;
  std::mutex mutex_;
  Message message_;
  std::optional<grpc::Status> end_;
  bool writing_ = false;
  bool broken_ = false;
  bool ended_ = false;
};

}  // namespace mesg::api
