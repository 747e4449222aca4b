#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include "base/result.h"
#include "measured_service.h"

namespace mesg::bench {

/// One bidirectional stream, driven by gRPC's threads. A write goes out whenever the last one is
/// done and there is something to say, so that messages grow with the load.
///
/// Derived classes keep their state under `mutex_` and call Close() in their destructors.
template <typename Request, typename Response>
class Duplex : public grpc::ClientBidiReactor<Request, Response> {
 public:
  ~Duplex() override = default;
  Duplex(const Duplex&) = delete;
  Duplex& operator=(const Duplex&) = delete;

 protected:
  Duplex() = default;

  /// What came; `mutex_` is held.
  virtual void Received(Response& response) = 0;
  /// Makes the next message, or says that there is none; `mutex_` is held.
  virtual bool Fill(Request& request) = 0;

  /// To be called once, after the stub has bound the reactor.
  void Begin() {
    this->AddHold();
    this->StartRead(&response_);
    this->StartCall();
  }
  /// Writes if it can; `mutex_` is held.
  void Push() {
    if (writing_ || ended_ || closing_) return;
    request_.Clear();
    if (!Fill(request_)) return;
    writing_ = true;
    this->StartWrite(&request_);
  }
  /// Waits until `condition` holds, or the stream has ended or failed.
  template <typename Condition>
  Result<void> WaitFor(std::unique_lock<std::mutex>& lock, Condition condition) {
    changed_.wait(lock, [&] { return condition() || ended_ || error_.has_value(); });
    if (error_) return *error_;
    if (condition()) return {};
    return Failed("the stream ended", status_.error_code(), status_.error_message());
  }
  /// Waits for Core's headers.
  Result<void> WaitHeaders() {
    std::unique_lock lock(mutex_);
    return WaitFor(lock, [this] { return headers_; });
  }
  void Fail(const Error& error) {
    if (!error_) error_ = error;
  }
  void Notify() { changed_.notify_all(); }
  /// Ends the stream and waits for its end.
  void Close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.wait(lock, [&] { return !writing_; });
    context_.TryCancel();
    lock.unlock();
    this->RemoveHold();
    lock.lock();
    changed_.wait(lock, [&] { return ended_; });
  }

  grpc::ClientContext context_;
  std::mutex mutex_;

 private:
  void OnReadInitialMetadataDone(bool ok) final {
    const std::scoped_lock lock(mutex_);
    headers_ = ok;
    changed_.notify_all();
  }
  void OnReadDone(bool ok) final {
    if (!ok) return;
    {
      const std::scoped_lock lock(mutex_);
      Received(response_);
      Push();
      changed_.notify_all();
    }
    this->StartRead(&response_);
  }
  void OnWriteDone(bool ok) final {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    if (!ok) closing_ = true;
    Push();
    changed_.notify_all();
  }
  void OnDone(const grpc::Status& status) final {
    const std::scoped_lock lock(mutex_);
    status_ = status;
    ended_ = true;
    changed_.notify_all();
  }

  std::condition_variable changed_;
  Request request_;
  Response response_;
  bool headers_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool ended_ = false;
  std::optional<Error> error_;
  grpc::Status status_;
};

}  // namespace mesg::bench
