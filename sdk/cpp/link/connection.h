#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <grpcpp/grpcpp.h>

#include "base/result.h"
#include "link/timers.h"
#include "mesg/event.h"
#include "mesg/v1/events.pb.h"

/// What all of the library's conversations with Core share. The only place of the library, together
/// with its neighbours in link/, that knows gRPC.
namespace mesg::sdk::internal {

using Log = std::function<void(std::string_view)>;

/// One channel to Core, who it speaks for, and the thread that keeps time. Any thread.
class Connection {
 public:
  /// Empty arguments are taken from MESG_ENDPOINT and MESG_TOKEN.
  Connection(std::string endpoint, std::string token, Log log);

  /// Adds the token to a call.
  void Authorize(grpc::ClientContext& context) const;

  /// Whether there is a connection, after waiting a moment for it; begins to make one. Says so once
  /// when that takes long. Blocks for up to 100 ms: gRPC makes connections only while somebody
  /// waits.
  bool WaitReachable();

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& endpoint() const { return endpoint_; }
  Timers& timers() { return timers_; }
  const Log& log() const { return log_; }

 private:
  const std::string endpoint_;
  const std::string token_;
  const Log log_;
  std::shared_ptr<grpc::Channel> channel_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point unreachable_since_{};  // The epoch: it is reachable.
  bool said_so_ = false;
  Timers timers_;
};

/// The status of a call, with its machine-readable details. Not for an OK one.
Error ToError(const grpc::Status& status);
Error ToError(const v1::CallError& error);

/// Whether trying again cannot help: Core answered, and will answer the same.
bool IsFinal(const Error& error);

/// The pause before reconnect `attempt` (1, 2, ...): 50 ms doubling to 5 s, up to half of it taken
/// off at random so that many clients do not return at once.
std::chrono::milliseconds Backoff(unsigned attempt);

/// 16 random bytes as text, for ids that make a repeat harmless.
std::string UniqueId();

void ToWire(const Event& event, v1::EventToEmit& wire);
void ToWire(const KeyChange& change, v1::KeyChange& wire);

/// A blocking call, tried again while Core is unreachable and `timeout` (zero: for ever) lasts.
/// `call` gets a fresh context each time.
Result<void> CallUntil(Connection& connection, std::chrono::milliseconds timeout,
                       const std::function<grpc::Status(grpc::ClientContext&)>& call);

}  // namespace mesg::sdk::internal
