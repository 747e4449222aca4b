#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/context.h"

namespace mesg::cli {

/// One line of a service's log on the output.
void PrintLogLine(const ::mesg::v1::ServiceLogsResponse::Line& line, bool with_time,
                  Context& context);

/// Prints what a service writes, over the ends of connections, of deployments and of Core.
class LogFollower {
 public:
  struct Options {
    bool times = false;   ///< When each line was written.
    bool silent = false;  ///< Nothing is said of connections that end: somebody else does.
  };
  LogFollower(Context& context, Options options) : context_(context), options_(options) {}

  /// Prints until the stop, or until the service is deleted. What was printed once is not printed
  /// again, nor by another call. `request` follows; its tail counts for the first connection. An
  /// error when Core refuses, or does not answer to begin with.
  Result<void> Follow(::mesg::v1::ServiceLogsRequest request);

 private:
  /// One connection, until it ends.
  Result<void> FollowOnce(const ::mesg::v1::ServiceLogsRequest& request, std::int64_t& printed_us);

  Context& context_;
  const Options options_;
  std::map<std::string, std::int64_t> printed_us_;  ///< Of each instance: its last line's time.
};

}  // namespace mesg::cli
