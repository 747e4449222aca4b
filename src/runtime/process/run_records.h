#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

/// Notes on disk which sessions Core started, so that what outlives Core can be found and ended: by
/// mesg-guard as soon as Core is gone, and by the next Core when the guard died too.
///
/// One folder for each Core, named for its pid and start time; in it one file a session with its
/// pid, start time, the boot it belongs to and the hash of its MESG_TOKEN. A session is only ended
/// when its leader has the noted start time, or, once the leader is gone, for those members that
/// carry the token: a pid that was given to another program is left alone.
///
/// Threads: any.
class RunRecords {
 public:
  /// Makes this process's folder below `root`.
  static Result<RunRecords> Open(const std::filesystem::path& root);

  const std::filesystem::path& Folder() const { return folder_; }

  /// `name` is a file name. Replaces an earlier note of that name.
  Result<void> Add(const std::string& name, pid_t pid, const Environment& env) const;
  void Remove(const std::string& name) const;

  /// Ends with KILL what Cores that are no longer alive left behind, and forgets it. The names of
  /// the sessions that were still alive.
  std::vector<std::string> SweepOthers() const;

  /// The same for one Core's folder, whoever owns it.
  static std::vector<std::string> Sweep(const std::filesystem::path& folder);

 private:
  RunRecords(std::filesystem::path root, std::filesystem::path folder)
      : root_(std::move(root)), folder_(std::move(folder)) {}
  std::filesystem::path root_;
  std::filesystem::path folder_;
};

}  // namespace mesg::runtime
