#include <chrono>
#include <filesystem>
#include <fstream>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/encoding.h"
#include "cli/commands/core.h"
#include "cli/context.h"
#include "cli/core_process.h"
#include "cli/daemon_process.h"
#include "cli/endpoint.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

/// Logs of earlier starts: core.log.1 is the last one's.
constexpr int kOldLogs = 5;

Result<void> MakeStateDirectory(const Directories& directories) {
  std::error_code error;
  std::filesystem::create_directories(directories.state, error);
  if (error) {
    return FailedPrecondition("cannot make {}: {}", directories.state.string(), error.message());
  }
  return {};
}

/// What `mesg core` is started with.
std::vector<std::string> CoreArguments(const Arguments& arguments) {
  std::vector<std::string> words = {"core"};
  for (const std::string& word : arguments.All("ARGUMENTS")) words.push_back(word);
  return words;
}

/// Where the new Core will listen: its own --grpc-address, else the environment and config.yml.
Result<std::string> AddressOf(const std::vector<std::string>& words, Context& context) {
  constexpr std::string_view kFlag = "--grpc-address";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == kFlag && i + 1 < words.size()) return words[i + 1];
    if (words[i].starts_with(std::string(kFlag) + "=")) return words[i].substr(kFlag.size() + 1);
  }
  return LocalAddress(context.environment());
}

void PrintStarted(const v1::StatusResponse& status, const std::string& address, bool already,
                  Context& context) {
  if (context.json()) return context.Print(status);
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} Core {} at {} (process {}).", terminal.ForError(Style::kGreen, "✓"),
                           already ? "is already running" : "is ready", address, status.pid()));
}

Result<int> RunStart(const Arguments& arguments, Context& context) {
  const Duration patience = MESG_TRY(arguments.Time("--timeout", std::chrono::seconds(30)));
  const std::vector<std::string> words = CoreArguments(arguments);
  const std::string address = MESG_TRY(AddressOf(words, context));
  if (const auto status = Client(address).Status()) {
    PrintStarted(*status, address, true, context);
    return 0;
  }
  const Directories directories = MESG_TRY(Directories::Find(context.environment()));
  MESG_TRY(MakeStateDirectory(directories));
  if (const auto running = RunningCore(directories.PidFile())) {
    return FailedPrecondition(
        "Core (process {}) runs but does not answer at {}: see `mesg logs`, or end it with `mesg "
        "stop`",
        *running, address);
  }
  MESG_TRY(RotateLog(directories.LogFile(), kOldLogs));
  Progress progress(context.terminal(), "Starting Core");
  const pid_t pid = MESG_TRY(SpawnDetached(context.executable(), words, directories.LogFile()));
  std::ofstream(directories.PidFile()) << pid << '\n';
  const v1::StatusResponse status =
      MESG_TRY(AwaitReady(address, pid, patience, directories.LogFile(), context));
  PrintStarted(status, address, false, context);
  context.Tell(fmt::format("Its log is {}. Next: `mesg service init hello`.",
                           directories.LogFile().string()));
  return 0;
}

void PrintStopped(pid_t pid, Context& context) {
  if (context.json()) {
    context.terminal().Print(
        ToJsonObject({{"stopped", pid == 0 ? "false" : "true"}, {"pid", std::to_string(pid)}}));
  } else if (pid == 0) {
    context.terminal().Say(fmt::format("Core is not running at {}.", context.endpoint()));
  } else {
    context.terminal().Say(fmt::format("Core (process {}) is stopped.", pid));
  }
}

Result<int> RunStop(const Arguments& arguments, Context& context) {
  const Duration patience = MESG_TRY(arguments.Time("--timeout", std::chrono::seconds(60)));
  const Directories directories = MESG_TRY(Directories::Find(context.environment()));
  const Result<v1::StatusResponse> status = context.client().Status();
  pid_t pid = 0;
  Progress progress(context.terminal(), "Stopping Core");
  if (status) {
    pid = status->pid();
    MESG_TRY(context.client().Shutdown());
  } else if (status.error().reason != kCoreNotRunning) {
    return status.error();
  } else if (const auto running = RunningCore(directories.PidFile())) {
    pid = *running;  // It does not answer; ask the other way.
    kill(pid, SIGTERM);
  }
  if (pid != 0 && IsLoopback(context.endpoint())) MESG_TRY(AwaitEnd(pid, patience, context.stop()));
  std::error_code ignored;
  std::filesystem::remove(directories.PidFile(), ignored);
  PrintStopped(pid, context);
  return 0;
}

void PrintLogText(std::string_view text, Context& context) {
  if (!context.json()) return context.terminal().Write(text);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    context.terminal().Print(ToJsonObject({{"text", QuoteJson(text.substr(0, end))}}));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

/// Prints what is appended to the file until the stop; starts over when it is replaced or cut.
void FollowFile(const std::filesystem::path& file, Context& context) {
  const std::stop_token stop = context.stop();
  struct stat known {};
  stat(file.c_str(), &known);
  off_t at = known.st_size;
  do {
    struct stat now {};
    if (stat(file.c_str(), &now) != 0) continue;
    if (now.st_ino != known.st_ino || now.st_size < at) at = 0;
    known = now;
    if (now.st_size == at) continue;
    std::ifstream in(file, std::ios::binary);
    in.seekg(at);
    std::string text(static_cast<std::size_t>(now.st_size - at), '\0');
    in.read(text.data(), now.st_size - at);
    const std::size_t whole = text.rfind('\n');
    if (whole == std::string::npos) continue;
    text.resize(whole + 1);
    at += static_cast<off_t>(text.size());
    PrintLogText(text, context);
  } while (Pause(stop, std::chrono::milliseconds(100)));
}

Result<int> RunLogs(const Arguments& arguments, Context& context) {
  const std::int64_t tail = MESG_TRY(arguments.Number("--tail", 0));
  if (tail < 0) return WrongUsage(InvalidArgument("--tail must not be negative"));
  const Directories directories = MESG_TRY(Directories::Find(context.environment()));
  const std::filesystem::path file = directories.LogFile();
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return NotFound("there is no log at {}: `mesg start` writes one, `mesg core` prints it instead",
                    file.string());
  }
  const std::stop_token stop = context.stop();
  PrintLogText(LastLines(file, tail == 0 ? SIZE_MAX : static_cast<std::size_t>(tail)), context);
  if (arguments.Has("--follow")) FollowFile(file, context);
  return 0;
}

}  // namespace

Command StartCommand() {
  return {
      .path = "start",
      .summary = "Start Core as a daemon and wait until it is ready",
      .details =
          "Says so when it is running already. Its log goes to core.log in the state directory; "
          "those of the\nfive starts before are kept beside it as core.log.1 to core.log.5.",
      .example = "mesg start\nmesg start -- --durability async",
      .positionals = {{"ARGUMENTS", "Options of `mesg core`, behind --", Positional::Count::kAny}},
      .options = {{"--timeout", "DURATION", "How long to wait until it is ready (30s)"}},
      .run = RunStart};
}

Command StopCommand() {
  return {.path = "stop",
          .summary = "Stop Core and wait until its process has ended",
          .details = "",
          .example = "mesg stop",
          .positionals = {},
          .options = {{"--timeout", "DURATION", "How long to wait for its end (60s)"}},
          .run = RunStop};
}

Command LogsCommand() {
  return {.path = "logs",
          .summary = "Print the log of the Core that `mesg start` started",
          .details = "From its last start on; what was before lies in core.log.1 beside core.log.",
          .example = "mesg logs --follow --tail 20",
          .positionals = {},
          .options = {{"-f,--follow", "", "Go on with what is written, until Ctrl-C"},
                      {"--tail", "N", "Only the last N lines; 0 means all"}},
          .run = RunLogs};
}

}  // namespace mesg::cli
