#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesg/service.h"
#include "redis/config.h"
#include "redis/connection.h"

namespace mesg::services::redis {

/// The command in the inputs of task `command`. InvalidArgument for what cannot be one, and for
/// those that change what the connection is for: SUBSCRIBE, MULTI, SELECT and the like.
Result<Command> ReadCommand(std::string_view inputs);

/// The script that performs task `add` once for one `execution`.
Result<Command> ReadAdd(std::string_view inputs, std::string_view execution);

/// As JSON: text, number, null, a list; {"base64": ...} for other bytes, {"error": ...} for an
/// error inside a list.
std::string ReplyToJson(const Reply& reply);

/// Performs the tasks, each on a connection of its own, which the next one uses again. Any thread.
class Tasks {
 public:
  explicit Tasks(const Config& config);

  Result<sdk::Outputs> PerformCommand(const sdk::Task& task);
  Result<sdk::Outputs> PerformAdd(const sdk::Task& task);

 private:
  Result<Connection> Borrow();
  void GiveBack(Connection connection);

  Config config_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace mesg::services::redis
