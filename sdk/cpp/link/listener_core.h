#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>

#include "link/connection.h"
#include "link/stream.h"
#include "mesg/v1/events.grpc.pb.h"

namespace mesg::sdk::internal {

/// What is behind a Listener: reads a little ahead, hands out items on a thread of its own, and
/// goes on behind the last one after a disconnect.
class ListenerCore final : private StreamHandler<v1::ListenRequest, v1::ListenResponse> {
 public:
  using Handle = std::function<void(const v1::Item&)>;

  /// Borrows `connection`.
  ListenerCore(Connection& connection, v1::ListenRequest::Open open, Handle handle);
  ~ListenerCore() override;

  /// Returns once Core says that nothing can be missed any more.
  Result<void> WaitReady(std::chrono::milliseconds timeout);
  void Stop();
  Result<void> Wait();
  std::string position() const;

 private:
  void Opened() override;
  bool Fill(v1::ListenRequest& request) override;
  bool Received(v1::ListenResponse& response) override;
  bool Closed(const Error& error) override;

  void Loop();
  struct Batch {
    v1::ListenResponse response;
    unsigned connection;  // Which one it came on.
  };
  struct Delivered {
    std::string position;
    unsigned connection;
  };
  void HandOut(const Batch& batch);
  void NoteDelivered(const std::string& position, unsigned connection);
  void NoteConfirmed(const std::string& position);

  bool durable() const { return open_.start_case() == v1::ListenRequest::Open::kSubscription; }

  const v1::ListenRequest::Open open_;
  const Handle handle_;
  const std::unique_ptr<v1::Events::Stub> stub_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> queue_;
  unsigned connection_ = 0;  // Counts them.
  std::string received_;     // Where to go on after all that was received.
  std::string delivered_;    // After all that was handed out.
  std::string acknowledge_;  // To be sent.
  // Handed out, and may come again on this connection: is skipped then. Forgotten once Core
  // confirms an item that was new on this connection, since repeats come first.
  std::deque<Delivered> unconfirmed_;
  std::unordered_set<std::string> unconfirmed_set_;
  bool opened_ = false;  // The opening message was sent on this connection.
  bool ready_ = false;
  bool paused_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  std::optional<Error> error_;
  std::shared_ptr<Stream<v1::ListenRequest, v1::ListenResponse>> stream_;
  std::thread thread_;  // Last: starts after what it uses.
};

}  // namespace mesg::sdk::internal
