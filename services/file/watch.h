#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "connector/upkeep.h"
#include "file/folders.h"
#include "mesg/service.h"

namespace mesg::services::file {

struct WatchOptions {
  std::string pattern = "*";
  bool tell_existing = false;  ///< At the very first start.
  std::size_t most_files = 50'000;
};

/// One session: compares the folders with what was told, then follows inotify, until told to stop.
///
/// inotify only says where to look; what is told is the difference between a file now and what was
/// told of it. So an overflow of its queue, a folder that comes and goes, or a crash costs a walk
/// through the folders, and neither loses nor repeats a change.
Result<void> WatchFolders(sdk::Service& service, const Folders& folders,
                          const WatchOptions& options, Upkeep::Session& session);

}  // namespace mesg::services::file
