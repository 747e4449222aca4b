#include "runtime/process/guard.h"

#include <chrono>

#include <signal.h>
#include <spdlog/spdlog.h>

namespace mesg::runtime {

Guard::~Guard() {
  loop_.Cancel(retry_);
  if (process_.pid <= 0) return;
  loop_.Unwatch(process_.pidfd.get());
  alive_.Reset();  // It finds nothing to end, and exits.
  Reap(process_);
}

Result<void> Guard::Ensure() {
  if (program_.empty() || process_.pid > 0) return {};
  loop_.Cancel(retry_);
  Pipe pipe = MESG_TRY(MakePipe());
  SpawnRequest request{.argv = {program_.string(), records_.string()},
                       .env = {},
                       .directory = "/",
                       .in = pipe.read.get(),
                       .die_with_thread = false};
  process_ = MESG_TRY(Spawn(request));
  alive_ = std::move(pipe.write);
  return loop_.Watch(process_.pidfd.get(), [this] { OnExit(); });
}

void Guard::OnExit() {
  loop_.Unwatch(process_.pidfd.get());
  const ExitStatus status = Reap(process_);
  process_ = {};
  alive_.Reset();
  spdlog::warn("mesg-guard {}: it is started again", Describe(status));
  retry_ = loop_.After(std::chrono::seconds(1), [this] {
    retry_ = 0;
    const auto started = Ensure();
    if (!started) spdlog::error("{}", started.error().message);
  });
}

}  // namespace mesg::runtime
