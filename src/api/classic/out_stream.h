#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "api/grpc/errors.h"
#include "api/grpc/gate.h"
#include "base/result.h"

namespace mesg::api::classic {

/// The largest message clients of 2018 take, all fields together: gRPC's default.
inline constexpr std::size_t kClientBytes = 4 << 20;

/// A stream to a client: keeps what cannot be sent yet, announces itself with `status: ready`, and
/// ends once. Owns itself from Begin on, until gRPC is done with it.
///
/// Threads: any, for everything but the reactions of gRPC.
template <typename Message, typename Reactor = grpc::ServerWriteReactor<Message>>
class OutStream : public Reactor {
 public:
  OutStream(grpc::CallbackServerContext& context, const Core& core)
      : context_(context), gate_(core.gate) {}
  ~OutStream() override = default;

  /// Takes part in its own ownership; for gRPC, which is handed a bare pointer.
  Reactor* Begin(std::shared_ptr<OutStream> self) {
    self_ = std::move(self);
    if (gate_ != nullptr) {
      gate_id_ = gate_->Register([weak = std::weak_ptr<OutStream>(self_)] {
        if (const auto stream = weak.lock()) stream->End(ToStatus(Stopping()));
      });
    }
    return this;
  }

  /// Tells the client that nothing is missed from now on. Messages wait for it.
  void Open() {
    const std::scoped_lock lock(mutex_);
    if (end_ || opened_ || busy_) return;
    opened_ = busy_ = true;
    context_.AddInitialMetadata("status", "ready");
    this->StartSendInitialMetadata();
  }

  /// False when the stream is over, or when the message is too large for any client: then it ends
  /// with RESOURCE_EXHAUSTED behind what is queued, since to skip it silently would be a loss.
  bool Send(Message message) {
    const std::size_t bytes = message.ByteSizeLong();
    constexpr std::size_t kOverhead = 256;  // What the smallest one costs.
    const std::scoped_lock lock(mutex_);
    if (end_) return false;
    if (bytes > kClientBytes) {
      end_ = ToStatus(ResourceExhausted("the next message has {} bytes, and clients of this API "
                                        "take at most {}; listen with the native API",
                                        bytes, kClientBytes)
                          .Because("MESSAGE_TOO_LARGE"));
      Next();
      return false;
    }
    queued_bytes_ += bytes + kOverhead;
    queue_.emplace_back(std::move(message), bytes + kOverhead);
    Next();
    return true;
  }

  /// What is queued is sent first. Later ends change nothing.
  void End(grpc::Status status) {
    const std::scoped_lock lock(mutex_);
    if (end_) return;
    end_ = std::move(status);
    Next();
  }

  std::size_t QueuedBytes() const {
    const std::scoped_lock lock(mutex_);
    return queued_bytes_;
  }

  /// It has ended, or its client is gone.
  bool IsOver() const {
    const std::scoped_lock lock(mutex_);
    return end_.has_value();
  }

  void OnSendInitialMetadataDone(bool ok) final { OnSent(ok); }
  void OnWriteDone(bool ok) final {
    OnSent(ok);
    if (ok) Sent();
  }
  void OnCancel() final {
    const std::scoped_lock lock(mutex_);
    Abandon();
    Next();
  }
  void OnDone() final {
    if (gate_ != nullptr) gate_->Leave(gate_id_);
    Over();
    self_.reset();
  }

 protected:
  /// A message left; there is more room in the queue.
  virtual void Sent() {}
  /// The call is over: nothing can be sent any more.
  virtual void Over() {}
  /// Removes what `drop` says from what waits.
  template <typename Drop>
  bool Withdraw(const Drop& drop) {
    const std::scoped_lock lock(mutex_);
    for (auto queued = queue_.begin(); queued != queue_.end(); ++queued) {
      if (!drop(queued->first)) continue;
      queued_bytes_ -= queued->second;
      queue_.erase(queued);
      return true;
    }
    return false;
  }

 private:
  void OnSent(bool ok) {
    const std::scoped_lock lock(mutex_);
    busy_ = false;
    if (current_) {
      queued_bytes_ -= current_->second;
      current_.reset();
    }
    if (!ok) Abandon();
    Next();
  }
  void Abandon() {
    queued_bytes_ = current_ ? current_->second : 0;
    queue_.clear();
    if (!end_) end_ = grpc::Status(grpc::StatusCode::CANCELLED, "the client is gone");
  }
  /// One operation at a time; under the lock. gRPC runs no reaction from within the calls below.
  void Next() {
    if (busy_ || finished_) return;
    if (opened_ && !queue_.empty()) {
      busy_ = true;
      current_ = std::move(queue_.front());
      queue_.pop_front();
      this->StartWrite(&current_->first);
      return;
    }
    if (end_) {
      finished_ = true;
      this->Finish(*end_);
    }
  }

  grpc::CallbackServerContext& context_;
  const std::shared_ptr<Gate> gate_;
  Gate::Id gate_id_ = 0;
  std::shared_ptr<OutStream> self_;
  mutable std::mutex mutex_;
  std::deque<std::pair<Message, std::size_t>> queue_;
  std::optional<std::pair<Message, std::size_t>> current_;
  std::size_t queued_bytes_ = 0;  ///< Of both.
  bool opened_ = false;
  bool busy_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
};

}  // namespace mesg::api::classic
