#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/deployment.h"
#include "cli/folder_watcher.h"
#include "cli/paging.h"
#include "cli/service_log.h"
#include "cli/show.h"
#include "cli/watch.h"

namespace mesg::cli {
namespace {

constexpr std::chrono::milliseconds kQuiet{300};
constexpr std::chrono::milliseconds kPause{500};

/// The name it is to be deployed under, which must be free: dev deletes it in the end.
Result<std::string> FreeName(const std::string& folder, const Arguments& arguments,
                             Context& context) {
  std::string name = arguments.Get("--name");
  if (name.empty()) {
    const v1::Definition definition = MESG_TRY(DefinitionIn(folder, context));
    name = definition.sid();
  }
  const Result<v1::Service> known = context.client().GetService(name);
  if (known) {
    return AlreadyExists(
        "service {} is deployed already, and dev deletes its service in the end: delete it first, "
        "or add "
        "`--name {}-dev`",
        name, name);
  }
  if (known.error().code != Code::kNotFound) return known.error();
  return name;
}

/// The logs of what was deployed. An instance that is replaced lives a while beside the next one,
/// so each is followed by itself, until it is gone.
class Logs {
 public:
  explicit Logs(Context& context) : context_(context) {}

  void Show(const v1::Service& service) {
    std::unique_ptr<Log>& log = logs_[service.instance_hash()];
    if (log == nullptr) log = std::make_unique<Log>(context_);
    if (log->running.exchange(true)) return;
    log->thread = std::jthread([log = log.get(), instance = service.instance_hash()] {
      v1::ServiceLogsRequest request;
      request.set_service(instance);
      static_cast<void>(log->follower.Follow(request).has_value());
      log->running = false;
    });
  }

 private:
  struct Log {
    explicit Log(Context& context) : follower(context, {.times = true, .silent = true}) {}
    LogFollower follower;
    std::atomic<bool> running = false;
    std::jthread thread;
  };
  Context& context_;
  std::map<std::string, std::unique_ptr<Log>> logs_;
};

Result<void> DeployAndSay(const std::string& folder, const v1::DeployRequest::Open& open,
                          Logs& logs, Context& context) {
  const v1::Service service = MESG_TRY(Deploy(context, folder, open));
  if (context.json()) {
    context.Print(service);
  } else {
    context.Tell(fmt::format("{} {} is deployed, and {}.",
                             context.terminal().ForError(Style::kGreen, "✓"), service.name(),
                             StateName(service.state())));
  }
  logs.Show(service);
  if (const Result<void> runs = CheckRuns(service); !runs) Complain(runs.error(), context);
  return {};
}

/// A change, which must not be lost: while Core is away it is tried again. What Core refuses waits
/// for the next change.
void DeployAgain(const std::string& folder, const v1::DeployRequest::Open& open, Logs& logs,
                 Context& context) {
  bool waiting = false;
  do {
    const Result<void> done = DeployAndSay(folder, open, logs, context);
    if (done || context.stop().stop_requested()) return;
    if (done.error().code != Code::kUnavailable) return Complain(done.error(), context);
    if (!std::exchange(waiting, true))
      context.Tell("Core is away: the change is deployed when it is back.");
  } while (Pause(context.stop(), kPause));
}

v1::ListenRequest::Open WhatHappens(const std::string& name, const Arguments& arguments) {
  v1::ListenRequest::Open open;
  open.set_live(true);
  if (!arguments.Has("--no-events")) {
    v1::Filter& events = *open.add_filters();
    events.set_kind(v1::Filter::EVENTS);
    events.set_service(name);
    events.set_key(arguments.Get("--event-filter"));
  }
  if (!arguments.Has("--no-results")) {
    v1::Filter& results = *open.add_filters();
    results.set_kind(v1::Filter::RESULTS);
    results.set_service(name);
    results.set_key(arguments.Get("--task-filter"));
    results.set_output_key(arguments.Get("--output-filter"));
  }
  return open;
}

void FollowItems(const v1::ListenRequest::Open& open, Context& context) {
  if (open.filters().empty()) return;
  const auto print = [&](const v1::Item& item) {
    PrintItem(item, context);
    return true;
  };
  const Result<void> ended = Watch(context, open, print);
  if (!ended) Complain(ended.error(), context);
}

Result<void> Delete(const std::string& name, Context& context) {
  v1::DeleteServiceRequest request;
  request.set_service(name);
  request.set_force(true);
  MESG_TRY(context.client().DeleteService(request));
  context.Tell(fmt::format("{} is deleted.", name));
  return {};
}

/// From the first deployment to the stop.
Result<void> Develop(const std::string& folder, const std::string& name,
                     const v1::DeployRequest::Open& open, const Arguments& arguments,
                     Context& context) {
  const std::stop_token stop = context.stop();
  const auto watcher = MESG_TRY(FolderWatcher::Open(folder));
  Logs logs(context);
  MESG_TRY(DeployAndSay(folder, open, logs, context));
  const std::jthread items([&] { FollowItems(WhatHappens(name, arguments), context); });
  context.Tell(
      fmt::format("Deployed again on each change in {}; Ctrl-C ends and deletes it.", folder));
  while (watcher->WaitForChange(stop, kQuiet)) DeployAgain(folder, open, logs, context);
  return {};
}

Result<int> RunDev(const Arguments& arguments, Context& context) {
  const std::string folder = arguments.Get("FOLDER", ".");
  v1::DeployRequest::Open open = MESG_TRY(OpenFrom(arguments, context));
  const std::string name = MESG_TRY(FreeName(folder, arguments, context));
  open.set_name(name);
  open.set_start(true);
  const std::stop_token stop = context.stop();
  const Result<void> developed = Develop(folder, name, open, arguments, context);
  const Result<void> deleted = Delete(name, context);
  if (!developed && !stop.stop_requested()) return developed.error();
  if (!deleted && deleted.error().code != Code::kNotFound) {
    return Annotate(deleted.error(), fmt::format("deleting {} in the end", name));
  }
  return 0;
}

}  // namespace

Command ServiceDevCommand() {
  std::vector<Option> options = DeployOptions();
  options.push_back({"-e,--event-filter", "EVENT", "Print only this event"});
  options.push_back({"-t,--task-filter", "TASK", "Print only this task's results"});
  options.push_back({"-o,--output-filter", "KEY", "Print only results with this named output"});
  options.push_back({"--no-events", "", "Print no events"});
  options.push_back({"--no-results", "", "Print no results"});
  return {.path = "service dev",
          .summary = "Deploy and start a folder, show what happens, deploy again on each change",
          .details = "Prints its log, events and results. Ctrl-C deletes the service and its data.",
          .example = "mesg service dev ./hello --env API_KEY",
          .positionals = {{"FOLDER", "A folder with a mesg.yml (.)", Positional::Count::kOptional}},
          .options = std::move(options),
          .run = RunDev};
}

}  // namespace mesg::cli
