#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include <signal.h>

#include "cli/commands/core.h"
#include "cli/context.h"
#include "cli/core_process.h"
#include "cli/daemon_process.h"
#include "cli/endpoint.h"
#include "cli/run_lines.h"
#include "cli/runs.h"
#include "cli/show.h"
#include "cli/templates.h"

namespace mesg::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kPoll{200};
constexpr std::string_view kDemo = "demo/app.yml";
constexpr std::string_view kInputs = R"({"order":1,"items":["lamp","chair","table"]})";

/// A folder that is gone with this.
class EphemeralFolder {
 public:
  static Result<EphemeralFolder> Make(const fs::path& parent) {
    std::string pattern = (parent / "mesg-dev-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return FailedPrecondition("cannot make a folder in {}: {}", parent.string(),
                                std::strerror(errno));
    }
    return EphemeralFolder(pattern);
  }
  EphemeralFolder(EphemeralFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  EphemeralFolder& operator=(EphemeralFolder&&) = delete;
  ~EphemeralFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

 private:
  explicit EphemeralFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// A Core of our own that keeps everything in one folder. Ended with this.
class OwnCore {
 public:
  OwnCore(Context& context, fs::path folder, std::vector<std::string> arguments)
      : context_(context), folder_(std::move(folder)), arguments_(std::move(arguments)) {}
  ~OwnCore() {
    if (pid_ == 0 || !IsRunning(pid_)) return;
    kill(pid_, SIGTERM);
    if (!AwaitEnd(pid_, kPatience, {})) kill(pid_, SIGKILL);
  }
  OwnCore(const OwnCore&) = delete;
  OwnCore& operator=(const OwnCore&) = delete;

  /// Starts it, once more when it has ended, and waits until it is ready.
  Result<void> Start() {
    std::vector<std::string> words = {"MESG_HOME=" + folder_.string(),
                                      context_.executable().string(), "core", "--grpc-address",
                                      context_.endpoint()};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    const Progress progress(context_.terminal(), "Starting Core");
    pid_ = MESG_TRY(SpawnDetached("/usr/bin/env", words, Log()));
    MESG_TRY(AwaitReady(context_.endpoint(), pid_, kPatience, Log(), context_));
    return {};
  }

  bool Runs() const { return IsRunning(pid_); }
  pid_t pid() const { return pid_; }
  fs::path Log() const { return folder_ / "core.log"; }

 private:
  Context& context_;
  const fs::path folder_;
  const std::vector<std::string> arguments_;
  pid_t pid_ = 0;
};

std::string_view DemoFile() {
  for (const TemplateFile& file : TemplateFiles()) {
    if (file.path == kDemo) return file.content;
  }
  return {};
}

/// The demo is deployed and a first run of it under way; its id.
Result<std::string> BeginDemo(Context& context) {
  v1::DeployApplicationRequest deploy;
  deploy.mutable_file()->set_name("app.yml");
  deploy.mutable_file()->set_content(std::string(DemoFile()));
  MESG_TRY(context.client().DeployApplication(deploy));
  v1::StartRunRequest start;
  start.set_application("demo");
  start.set_workflow("order");
  start.set_inputs(std::string(kInputs));
  const v1::Run run = MESG_TRY(context.client().StartRun(start));
  return run.id();
}

void TellWhatToTry(const OwnCore& core, const std::string& run, Context& context) {
  Terminal& terminal = context.terminal();
  const auto line = [&](const std::string& command, std::string_view what) {
    context.Tell(fmt::format("  {:<40} {}", command, terminal.ForError(Style::kDim, what)));
  };
  context.Tell(terminal.ForError(Style::kBold, "In another terminal, try:"));
  line(fmt::format("kill -9 {}", core.pid()), "Core comes back, and the run goes on");
  line(fmt::format("mesg run show {}", ShortId(run)), "its whole story");
  line("mesg run list", "every run");
  line("mesg run start demo refund -d order=1", "waits for you: mesg run approve ID");
  line("mesg event watch", "what is emitted");
  line("mesg app show demo --file > app.yml", "the file: change it, mesg app dev app.yml");
  line("mesg service init hello", "a service of your own");
  context.Tell("Ctrl-C ends all of it.\n");
}

void FollowDemo(Context& context) {
  RunLines lines(context);
  const auto on_run = [&](const v1::Run& run) {
    if (context.json()) {
      context.Print(run);
    } else {
      lines.Show(run);
    }
    return true;
  };
  const Result<void> ended = FollowRuns(context, v1::WatchRunsRequest(), on_run);
  if (!ended) Complain(ended.error(), context);
}

/// Until the stop. A Core that was killed is started again, as a service manager would.
Result<void> Keep(OwnCore& core, Context& context) {
  const std::stop_token stop = context.stop();
  while (Pause(stop, kPoll)) {
    if (core.Runs()) continue;
    context.Tell("Core has ended; it is started again.");
    const Result<void> started = core.Start();
    if (stop.stop_requested()) break;
    MESG_TRY(started);
    context.Tell(fmt::format("Core is back (process {}).", core.pid()));
  }
  return {};
}

Result<int> RunDev(const Arguments& arguments, Context& context) {
  const std::vector<std::string> words = arguments.All("ARGUMENTS");
  for (const std::string& word : words) {
    if (word.starts_with("--grpc-address")) {
      return WrongUsage(InvalidArgument("say where Core is to listen by --endpoint ADDRESS"));
    }
  }
  // Asked by a client of its own: one that was refused takes a while to try again.
  if (const auto status = Client(context.endpoint()).Status()) {
    return FailedPrecondition(
        "Core is already running at {} (process {}): end it with `mesg stop` first, or add "
        "`--endpoint localhost:50062` here and to what you try",
        context.endpoint(), status->pid());
  }
  if (!IsLoopback(context.endpoint())) {
    return FailedPrecondition("Core can only be started on this machine, not at {}",
                              context.endpoint());
  }
  const std::stop_token stop = context.stop();
  const EphemeralFolder folder =
      MESG_TRY(EphemeralFolder::Make(context.environment()("TMPDIR").value_or("/tmp")));
  OwnCore core(context, folder.path(), words);
  const Result<void> started = core.Start();
  if (!started) return stop.stop_requested() ? Result<int>(0) : started.error();
  Terminal& terminal = context.terminal();
  context.Tell(
      fmt::format("{} Core is ready at {} (process {}). It keeps everything in {}, for as "
                  "long as this runs.",
                  terminal.ForError(Style::kGreen, "✓"), context.endpoint(), core.pid(),
                  folder.path().string()));
  const std::string run = MESG_TRY(BeginDemo(context));
  context.Tell(fmt::format("{} demo is deployed, and its first run is under way.",
                           terminal.ForError(Style::kGreen, "✓")));
  TellWhatToTry(core, run, context);
  const std::jthread following([&] { FollowDemo(context); });
  const Result<void> kept = Keep(core, context);
  if (kept) return 0;
  Complain(kept.error(), context);
  // Its words stay to be read, and its folder with what may explain them.
  terminal.Say(fmt::format("Core does not come back. Ctrl-C ends this and deletes {}.",
                           folder.path().string()));
  while (Pause(stop, std::chrono::hours(1))) {
  }
  return 1;
}

}  // namespace

Command DevCommand() {
  return {
      .path = "dev",
      .summary = "Start Core with a small demo and show it live, until Ctrl-C",
      .details =
          "From nothing to a durable run: everything lies in a temporary folder that is deleted "
          "in the end. A Core\nthat is killed meanwhile is started again, and its runs go on.",
      .example = "mesg dev",
      .positionals = {{"ARGUMENTS", "Options of `mesg core`, behind --", Positional::Count::kAny}},
      .options = {},
      .run = RunDev};
}

}  // namespace mesg::cli
