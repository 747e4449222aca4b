#pragma once

#include <filesystem>

#include "base/result.h"
#include "daemon/config.h"

namespace mesg::daemon {

/// Where what belongs to this installation lies.
struct Installation {
  std::filesystem::path helpers;    ///< mesg-fetch, mesg-guard.
  std::filesystem::path services;   ///< Programs of the services that come with MESG.
  std::filesystem::path available;  ///< Their definitions, a folder each.
  std::string version;

  /// Of the program at PREFIX/bin/mesg.
  static Installation Of(const std::filesystem::path& executable);
};

/// The whole daemon: returns when it was asked to stop and has stopped.
///
/// An error is why it could not start, or could not go on, in one sentence that says what to do.
/// Once per process, on the main thread, before any other thread exists.
Result<void> RunCore(const Config& config, const Installation& installation);

}  // namespace mesg::daemon
