// The service `timer`: ticks by schedules, and what tasks ask to be reminded of. See mesg.yml.
#include <cstdio>

#include <mesg/service.h>

#include "connector/environment.h"
#include "timer/alarms.h"
#include "timer/pending.h"
#include "timer/tasks.h"
#include "timer/ticker.h"

namespace {

namespace timer = mesg::services::timer;
using mesg::Result;

Result<void> Run() {
  const mesg::services::Environment environment;
  auto ticks = MESG_TRY(
      timer::Tick::ParseAll(environment.Text("TICKS"), environment.Text("TIMEZONE", "UTC")));
  const std::string missed = MESG_TRY(environment.OneOf("MISSED", "latest", {"latest", "skip"}));
  const auto most = MESG_TRY(environment.Number("MAX_PENDING", 1'000'000, 1, 10'000'000));

  timer::Pending pending;
  // A task waits for a commit, which many share.
  mesg::sdk::Service service({.threads = 16});
  timer::Tasks tasks(service, pending, static_cast<std::size_t>(most));
  service.OnTask("after", [&](const mesg::sdk::Task& task) {
    return tasks.Set(task, timer::ReadAfter(task.inputs(), mesg::SystemClock().Now()));
  });
  service.OnTask("at", [&](const mesg::sdk::Task& task) {
    return tasks.Set(task, timer::ReadAt(task.inputs()));
  });
  service.OnTask("cancel", [&](const mesg::sdk::Task& task) { return tasks.Cancel(task); });

  const timer::Alarms alarms(service, pending);
  const timer::Ticker ticker(
      service, std::move(ticks),
      missed == "skip" ? timer::Ticker::Missed::kSkip : timer::Ticker::Missed::kLatest);
  return service.RunUntilSignal();
}

}  // namespace

int main() {
  const auto ended = Run();
  if (ended) return 0;
  std::fprintf(stderr, "timer: %s\n", ended.error().message.c_str());
  return 1;
}
