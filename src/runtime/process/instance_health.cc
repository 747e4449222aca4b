#include <signal.h>

#include "runtime/process/instance.h"
#include "runtime/process/process_table.h"

namespace mesg::runtime {

void Instance::ScheduleHealthCheck() {
  if (!spec_.health || spec_.health->command.empty()) return;
  health_timer_ = context_.loop.After(spec_.health->interval, [this] {
    health_timer_ = 0;
    RunHealthCheck();
  });
}

void Instance::RunHealthCheck() {
  auto process = Spawn(Request(spec_.health->command));
  if (!process) {
    Judge("its health check does not start: " + process.error().message);
    return ScheduleHealthCheck();
  }
  health_ = *std::move(process);
  health_late_ = false;
  // Without the note or the watch it is still ended by its timeout or with the service.
  (void)context_.records.Add(id_ + ".health", health_.pid, spec_.env);
  (void)context_.loop.Watch(health_.pidfd.get(), [this] { OnHealthExit(); });
  health_timer_ = context_.loop.After(spec_.health->timeout, [this] {
    health_timer_ = 0;
    health_late_ = true;
    SignalSession(health_.pid, SIGKILL);
  });
}

void Instance::OnHealthExit() {
  const ExitStatus status = PeekExit(health_);
  const bool late = health_late_;
  EndHealthCheck();
  if (late) {
    Judge("its health check did not end within " + FormatDuration(spec_.health->timeout));
  } else {
    Judge(status.Succeeded() ? "" : "its health check " + Describe(status));
  }
  ScheduleHealthCheck();
}

void Instance::Judge(const std::string& complaint) {
  std::string reason = complaint.empty() ? "" : "unhealthy: " + complaint;
  if (phase_ != Phase::kRunning || reason == status_.reason) return;
  Note(reason.empty() ? "healthy again" : reason);
  Become(InstanceState::kRunning, std::move(reason));
}

void Instance::EndHealthCheck() {
  context_.loop.Cancel(health_timer_);
  if (health_.pid <= 0) return;
  context_.loop.Unwatch(health_.pidfd.get());
  SignalSession(health_.pid, SIGKILL);
  Reap(health_);
  context_.records.Remove(id_ + ".health");
  health_ = {};
}

}  // namespace mesg::runtime
