#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/run_records.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

struct CommandRequest {
  SpawnRequest spawn = {};  ///< Its `in`, `out` and `err` are not used.
  std::string input = {};   ///< Standard input, at most 32 KiB.
  /// A line of standard output or of standard error, without its end, cut at 16 KiB.
  std::function<void(std::string line)> on_out = {};
  std::function<void(std::string line)> on_err = {};
  Duration timeout = std::chrono::minutes(1);
  const RunRecords* records = nullptr;  ///< Where to note it while it runs; may be null.
  std::string record_name = {};
};

/// Runs a program to its end; nothing of it is alive on return. Any thread, which must not end
/// meanwhile; the handlers are called on it.
///
/// The errors of Spawn; DeadlineExceeded after `timeout`, Cancelled when `stop` was requested.
Result<ExitStatus> RunCommand(const CommandRequest& request, const std::stop_token& stop);

}  // namespace mesg::runtime
