#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mesg/service.h"
#include "nats/config.h"

namespace mesg::services::nats {

/// What the tasks `publish` and `request` send.
struct Outgoing {
  std::string subject;
  std::string payload;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string reply;
  bool stored = false;
  std::int64_t timeout_ms = 10'000;
};

/// InvalidArgument names the input that cannot be sent.
Result<Outgoing> ReadOutgoing(std::string_view inputs);

/// Performs the tasks on one connection, which is made when it is needed. Any thread.
class Tasks {
 public:
  explicit Tasks(const Config& config);
  ~Tasks();

  Result<sdk::Outputs> Publish(const sdk::Task& task);
  Result<sdk::Outputs> Request(const sdk::Task& task);
  /// Lets the connection go.
  void Close();

 private:
  struct Reach;
  Result<std::shared_ptr<Reach>> Borrow();

  const Config& config_;
  std::mutex mutex_;
  std::shared_ptr<Reach> reach_;
};

}  // namespace mesg::services::nats
