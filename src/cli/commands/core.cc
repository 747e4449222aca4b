#include "cli/commands/core.h"

#include <filesystem>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/show.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

Result<int> RunCore(const Arguments& arguments, Context& context) {
  return context.core()(arguments.All("ARGUMENTS"));
}

void PrintLimits(const v1::StatusResponse& status, Context& context) {
  if (status.limits().empty()) return;
  Table table({"LIMIT", "USED", "OF"});
  for (const v1::Limit& limit : status.limits()) {
    const bool bytes = limit.unit() == "bytes";
    const auto shown = [&](std::uint64_t value) {
      return bytes ? HumanBytes(value) : fmt::format("{} {}", HumanCount(value), limit.unit());
    };
    const std::string used = bytes ? HumanBytes(limit.used()) : HumanCount(limit.used());
    table.Add({limit.name(), limit.has_used() ? used : "each", shown(limit.limit())});
  }
  context.terminal().Print("\n" + table.Render(context.terminal()));
}

void PrintStatus(const v1::StatusResponse& status, Context& context) {
  const std::int64_t up = ToMicros(context.Now()) - status.started_us();
  const v1::Recovery& recovery = status.recovery();
  PrintFields({{"Core", status.ready() ? "ready" : "not ready yet"},
               {"Version", status.version()},
               {"Process", fmt::format("{}, up {}", status.pid(), HumanDuration(up))},
               {"gRPC", status.grpc_address()},
               {"HTTP", status.http_address()},
               {"Data", status.data_directory()},
               {"Durability", status.durability() == "async"
                                  ? "async: what was acknowledged last can be lost in a power loss"
                                  : status.durability()},
               {"Connected", fmt::format("{} services, {} workers, {} listeners", status.services(),
                                         status.workers(), status.listeners())},
               {"Recovery",
                fmt::format("sequence {}, {} cut, {} open executions, {}", recovery.last_sequence(),
                            HumanBytes(recovery.bytes_cut()), recovery.open_executions(),
                            HumanDuration(recovery.duration_us()))}},
              context);
  PrintLimits(status, context);
  if (status.counters().empty()) return;
  Table counters({"COUNTER", "VALUE"});
  for (const v1::Counter& counter : status.counters()) {
    counters.Add({counter.name(), HumanCount(counter.value())});
  }
  context.terminal().Print("\n" + counters.Render(context.terminal()));
}

Result<int> RunStatus(const Arguments&, Context& context) {
  const Result<v1::StatusResponse> status = context.client().Status();
  if (!status) {
    if (context.json() && status.error().reason == kCoreNotRunning) {
      v1::StatusResponse none;
      none.set_grpc_address(context.endpoint());
      context.Print(none);
    }
    return status.error();
  }
  if (context.json()) {
    context.Print(*status);
  } else {
    PrintStatus(*status, context);
  }
  return status->ready() ? 0 : 1;
}

}  // namespace

std::vector<Command> CoreCommands() {
  std::vector<Command> commands = {
      {.path = "core",
       .summary = "Run Core in the foreground",
       .details = "What systemd and containers call. See `mesg core --help` for its own options.",
       .example = "mesg core --print-config",
       .positionals = {{"ARGUMENTS", "Options of Core", Positional::Count::kAny}},
       .options = {},
       .run = RunCore},
      {.path = "status",
       .summary = "Show whether Core is ready, its limits and counters",
       .details = "Exits with 0 only when Core is ready.",
       .example = "mesg status\nmesg status --json",
       .positionals = {},
       .options = {},
       .run = RunStatus},
  };
  commands.insert(commands.begin() + 1, StartCommand());
  commands.insert(commands.begin() + 2, StopCommand());
  commands.insert(commands.begin() + 3, DevCommand());
  commands.push_back(LogsCommand());
  commands.push_back(DoctorCommand());
  return commands;
}

}  // namespace mesg::cli
