#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "cli/application.h"
#include "cli/application_deployment.h"
#include "cli/commands/app.h"
#include "cli/context.h"
#include "cli/folder_watcher.h"
#include "cli/run_lines.h"
#include "cli/runs.h"
#include "cli/show.h"
#include "cli/watch.h"

namespace mesg::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kQuiet{300};
constexpr std::chrono::milliseconds kPause{500};

/// What is there for as long as the command runs.
struct Live {
  std::string name;
  ApplicationServices services;
  bool deployed = false;
};

/// The application is deleted in the end, so it must not be there yet.
Result<void> CheckFree(const std::string& name, Context& context) {
  const auto known = context.client().GetApplication(name);
  if (known) {
    return AlreadyExists(
        "application {} is deployed already, and would be deleted in the end: delete it first, or "
        "look at it with `mesg run watch --app {}`",
        name, name);
  }
  if (known.error().code != Code::kNotFound) return known.error();
  return {};
}

Result<void> DeployAll(const WantedApplication& wanted, Live& live, Context& context) {
  MESG_TRY(DeployServices(wanted.application, wanted.values, context, live.services));
  const v1::DeployApplicationResponse response =
      MESG_TRY(DeployApplication(wanted.application, wanted.values, live.services, false, context));
  live.deployed = true;
  MESG_TRY(StartServices(live.services, context));
  if (context.json()) {
    context.Print(response);
    return {};
  }
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} {} is deployed.", terminal.ForError(Style::kGreen, "✓"), live.name));
  PrintDeployment(response, context);
  for (const v1::Application::Workflow& workflow : response.application().workflows()) {
    if (workflow.trigger() != "manual") continue;
    context.Tell(fmt::format("  `mesg run start {} {}` starts {}.", live.name, workflow.key(),
                             workflow.key()));
  }
  return {};
}

Result<void> DeleteService(const std::string& name, Context& context) {
  v1::DeleteServiceRequest request;
  request.set_service(name);
  request.set_force(true);
  return context.client().DeleteService(request);
}

/// Takes away what was brought, and nothing else. Goes on behind what cannot be taken away.
Result<void> Undeploy(const Live& live, Context& context) {
  Result<void> first;
  const auto note = [&](const Result<void>& done, const std::string& what) {
    if (done || done.error().code == Code::kNotFound) {
      context.Tell(fmt::format("{} is deleted.", what));
    } else if (first) {
      first = Annotate(done.error(), fmt::format("deleting {} in the end", what));
    }
  };
  if (live.deployed) {
    v1::DeleteApplicationRequest request;
    request.set_name(live.name);
    request.set_force(true);
    const auto done = context.client().DeleteApplication(request);
    note(done ? Result<void>() : Result<void>(done.error()), live.name);
  }
  for (const std::string& service : live.services.made) {
    note(DeleteService(service, context), service);
  }
  return first;
}

/// Events of the application's services, which may change while it is shown.
class Events {
 public:
  explicit Events(Context& context) : context_(context) {}

  void Of(const std::string& application, const ApplicationServices& services) {
    const std::scoped_lock lock(mutex_);
    services_ = {application};  // Its own events stand under its name.
    for (const auto& [alias, name] : services.names) services_.insert(name);
  }

  /// Prints until the stop.
  void Follow() {
    v1::ListenRequest::Open open;
    open.set_live(true);
    open.add_filters()->set_kind(v1::Filter::EVENTS);
    const auto print = [this](const v1::Item& item) {
      if (IsOurs(item.event().source().service())) PrintItem(item, context_);
      return true;
    };
    const Result<void> ended = Watch(context_, open, print);
    if (!ended) Complain(ended.error(), context_);
  }

 private:
  bool IsOurs(const std::string& service) {
    const std::scoped_lock lock(mutex_);
    return services_.contains(service);
  }

  Context& context_;
  std::mutex mutex_;
  std::set<std::string> services_;
};

void FollowRunsOf(const std::string& application, Context& context) {
  v1::WatchRunsRequest request;
  request.set_application(application);
  RunLines lines(context);
  const auto on_run = [&](const v1::Run& run) {
    if (context.json()) {
      context.Print(run);
    } else {
      lines.Show(run);
    }
    return true;
  };
  const Result<void> ended = FollowRuns(context, request, on_run);
  if (!ended) Complain(ended.error(), context);
}

/// Folders whose files make the application.
Result<std::unique_ptr<FolderWatcher>> WatchFolders(const CheckedApplication& application) {
  auto watcher = MESG_TRY(FolderWatcher::Open(application.folder));
  std::error_code error;
  const fs::path root = fs::weakly_canonical(application.folder, error);
  for (const auto& use : application.outline().services()) {
    if (KindOf(use.use()) != UseKind::kPath) continue;
    const fs::path path = fs::weakly_canonical(application.PathOf(use), error);
    const bool inside = std::ranges::mismatch(root, path).in1 == root.end();
    if (!inside && fs::is_directory(path, error)) MESG_TRY(watcher->Add(path));
  }
  return watcher;
}

/// A saved file takes the place of the one before; one that cannot is complained about, and the one
/// before stays.
Result<void> Reload(const Arguments& arguments, Live& live, Events& events, Context& context) {
  const WantedApplication wanted = MESG_TRY(ReadWanted(arguments, context));
  const std::string& name = wanted.application.outline().name();
  if (name != live.name) {
    return FailedPrecondition("its name is now {}: end this and begin again to deploy that", name);
  }
  MESG_TRY(DeployAll(wanted, live, context));
  events.Of(live.name, live.services);
  return {};
}

void ReloadOnChange(FolderWatcher& watcher, const Arguments& arguments, Live& live, Events& events,
                    Context& context) {
  const std::stop_token stop = context.stop();
  while (watcher.WaitForChange(stop, kQuiet)) {
    bool waiting = false;
    do {
      const Result<void> done = Reload(arguments, live, events, context);
      if (done || stop.stop_requested()) break;
      if (done.error().code != Code::kUnavailable) {
        Complain(done.error(), context);
        context.Tell("The version before stays.");
        break;
      }
      if (!std::exchange(waiting, true))
        context.Tell("Core is away: the change is deployed when it is back.");
    } while (Pause(stop, kPause));
  }
}

/// From the first deployment to the stop.
Result<void> Show(bool reload, const WantedApplication& wanted, const Arguments& arguments,
                  Live& live, Context& context) {
  const std::stop_token stop = context.stop();
  std::unique_ptr<FolderWatcher> watcher;
  if (reload) watcher = MESG_TRY(WatchFolders(wanted.application));
  MESG_TRY(DeployAll(wanted, live, context));
  Events events(context);
  events.Of(live.name, live.services);
  const std::jthread listening([&] { events.Follow(); });
  const std::jthread watching([&] { FollowRunsOf(live.name, context); });
  context.Tell(fmt::format("{}; Ctrl-C ends and deletes it{}.",
                           reload ? "Deployed again on each save" : "What happens is shown",
                           live.services.made.empty() ? "" : ", with the services it brought"));
  if (reload) {
    ReloadOnChange(*watcher, arguments, live, events, context);
  } else {
    while (Pause(stop, std::chrono::hours(1))) {
    }
  }
  return {};
}

Result<int> RunLive(bool reload, const Arguments& arguments, Context& context) {
  if (reload && arguments.Get("FILE") == "-") {
    return WrongUsage(InvalidArgument("a file is reloaded when it is saved: give one, not -"));
  }
  const WantedApplication wanted = MESG_TRY(ReadWanted(arguments, context));
  Live live;
  live.name = wanted.application.outline().name();
  MESG_TRY(CheckFree(live.name, context));
  const std::stop_token stop = context.stop();
  const Result<void> shown = Show(reload, wanted, arguments, live, context);
  const Result<void> gone = Undeploy(live, context);
  if (!shown && !stop.stop_requested()) return shown.error();
  MESG_TRY(gone);
  return 0;
}

Result<int> RunRun(const Arguments& arguments, Context& context) {
  return RunLive(false, arguments, context);
}
Result<int> RunDev(const Arguments& arguments, Context& context) {
  return RunLive(true, arguments, context);
}

const Positional kFile = {"FILE", "An application file (app.yml)", Positional::Count::kOptional};

}  // namespace

Command AppRunCommand() {
  return {.path = "app run",
          .summary = "Deploy an application with its services, show what happens, until Ctrl-C",
          .details =
              "Prints events, and each run with its steps. Ctrl-C deletes the application, "
              "cancelling its runs, and\nthe services that were not there before. `mesg app "
              "deploy` keeps it.",
          .example = "mesg app run app.yml --set limit=500",
          .positionals = {kFile},
          .options = ApplicationOptions(),
          .run = RunRun};
}

Command AppDevCommand() {
  return {.path = "app dev",
          .summary = "The same as `mesg app run`, and deploy again on each save",
          .details =
              "Looks at the file's folder and at the folders of its services. A file with "
              "errors is complained about,\nand the version before stays.",
          .example = "mesg app dev app.yml --env RPC_URL",
          .positionals = {kFile},
          .options = ApplicationOptions(),
          .run = RunDev};
}

}  // namespace mesg::cli
