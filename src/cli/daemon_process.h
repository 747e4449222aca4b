#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace mesg::cli {

/// Starts `executable` with `arguments` in a session of its own, its input empty, its output and
/// errors appended to `log`. Nothing else of this process is inherited but environment and folder.
Result<pid_t> SpawnDetached(const std::filesystem::path& executable,
                            const std::vector<std::string>& arguments,
                            const std::filesystem::path& log);

/// Makes room for a new `log`: what is there becomes LOG.1, LOG.1 becomes LOG.2 and so on, and of
/// the old ones `kept` stay. Nothing is done when there is no log or an empty one.
Result<void> RotateLog(const std::filesystem::path& log, int kept);

/// False when it has ended, also when nobody has collected it yet.
bool IsRunning(pid_t pid);

/// The process id in the file; nullopt when there is none or its process is no running `mesg core`.
std::optional<pid_t> RunningCore(const std::filesystem::path& pid_file);

/// The last `count` lines of a text file; "" when it cannot be read.
std::string LastLines(const std::filesystem::path& file, std::size_t count);

}  // namespace mesg::cli
