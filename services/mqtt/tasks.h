#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mesg/service.h"
#include "mqtt/config.h"

namespace mesg::services::mqtt {

/// What the task `publish` sends.
struct Outgoing {
  std::string topic;
  std::string payload;
  int qos = 1;
  bool retain = false;
};

/// InvalidArgument names the input that cannot be sent.
Result<Outgoing> ReadOutgoing(std::string_view inputs);

/// Performs the task `publish`, on a connection of its own. Any thread.
Result<sdk::Outputs> Publish(const Config& config, const sdk::Task& task);

}  // namespace mesg::services::mqtt
