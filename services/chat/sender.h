#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "chat/config.h"
#include "chat/post.h"
#include "http/client.h"

namespace mesg::services::chat {

/// Sends messages, no faster than the platform wants: once it has asked to wait, nothing is sent
/// until then. Any thread.
class Sender {
 public:
  explicit Sender(const Config& config) : config_(config), client_(config.ca_file) {}

  /// Blocks: the message's id as ReadResponse has it. Unavailable when the platform asks for more
  /// patience than there is until `deadline`; Cancelled once Wake was called and `cancelled` says
  /// so.
  Result<std::string> Send(const http::Request& request, TimePoint deadline,
                           const std::function<bool()>& cancelled);
  /// Something was cancelled.
  void Wake();

 private:
  Result<void> AwaitTurn(TimePoint deadline, const std::function<bool()>& cancelled);

  const Config& config_;
  http::Client client_;
  std::mutex mutex_;
  std::condition_variable wake_;
  TimePoint not_before_ = {};
};

}  // namespace mesg::services::chat
