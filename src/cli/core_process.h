#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "cli/context.h"

namespace mesg::cli {

/// Waits until the Core of that process is ready at `address`. FailedPrecondition with the end of
/// its log when the process ends, DeadlineExceeded when `patience` is over, Cancelled at the stop.
Result<::mesg::v1::StatusResponse> AwaitReady(const std::string& address, pid_t pid,
                                              Duration patience, const std::filesystem::path& log,
                                              Context& context);

/// Waits until the process has ended. DeadlineExceeded when `patience` is over, Cancelled when the
/// stop is requested.
Result<void> AwaitEnd(pid_t pid, Duration patience, const std::stop_token& stop);

}  // namespace mesg::cli
