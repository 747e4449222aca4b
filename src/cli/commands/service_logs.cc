#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/service_log.h"

namespace mesg::cli {
namespace {

Result<int> RunLogs(const Arguments& arguments, Context& context) {
  const std::int64_t tail = MESG_TRY(arguments.Number("--tail", 0));
  if (tail < 0) return WrongUsage(InvalidArgument("--tail must not be negative"));
  v1::ServiceLogsRequest request;
  request.set_service(arguments.Get("SERVICE"));
  request.set_tail(static_cast<std::uint32_t>(tail));
  const std::stop_token stop = context.stop();
  const bool times = arguments.Has("--timestamps");
  if (arguments.Has("--follow")) {
    MESG_TRY(LogFollower(context, {.times = times}).Follow(request));
    return 0;
  }
  const auto on_line = [&](const v1::ServiceLogsResponse::Line& line) {
    PrintLogLine(line, times, context);
    return true;
  };
  const Result<void> ended = context.client().Logs(request, on_line, stop);
  if (!ended && !stop.stop_requested()) return ended.error();
  return 0;
}

}  // namespace

Command ServiceLogsCommand() {
  return {.path = "service logs",
          .summary = "Print what a service's process wrote",
          .details =
              "Lines of its standard error are red on a terminal. --follow goes on when "
              "the service\nis deployed again or Core was away; it ends when the service "
              "is deleted.",
          .example = "mesg service logs webhook --follow --tail 20",
          .positionals = {{"SERVICE", "A service's name, or the hash of it or its instance"}},
          .options = {{"-f,--follow", "", "Go on with what it writes, until Ctrl-C"},
                      {"--tail", "N", "Only the last N lines; 0 means all that are kept"},
                      {"-t,--timestamps", "", "When each line was written"}},
          .run = RunLogs};
}

}  // namespace mesg::cli
