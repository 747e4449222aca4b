#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/run_records.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

struct PrepareRequest {
  std::filesystem::path folder;  ///< The service's files as they were deployed; never changed.
  std::string content_hash;      ///< Of those files: what is prepared once is used again.
  std::vector<std::string> run;  ///< As declared in mesg.yml; may be empty.
};

/// A service that can be started.
struct Prepared {
  std::filesystem::path folder;   ///< Core's own copy, its working directory.
  std::vector<std::string> argv;  ///< What to run there.
};

/// Whether Core could start a service made of these files: it declares `run`, or is an npm package.
bool HasSomethingToStart(const std::filesystem::path& folder, const std::vector<std::string>& run);

/// Makes what was deployed ready to run: a copy of its own for every content hash, with npm
/// packages installed in it. A copy appears under its name only once it is complete.
///
/// npm gets PATH, HOME, locale and those npm_config_* variables that Core itself was given.
/// Threads: any; one preparation at a time, others wait.
class Preparer {
 public:
  struct Options {
    std::filesystem::path directory;  ///< Where the copies are kept.
    Environment environment = InheritedEnvironment();
    Duration install_timeout = std::chrono::minutes(15);
    const RunRecords* records = nullptr;
  };
  using Progress = std::function<void(std::string_view line)>;

  /// Removes what an interrupted preparation left.
  explicit Preparer(Options options);

  /// FailedPrecondition when there is nothing to start, or npm could not install (with the end of
  /// what it said); NotFound when npm is missing; DeadlineExceeded, Cancelled. `progress` gets
  /// npm's lines.
  Result<Prepared> Prepare(const PrepareRequest& request, const Progress& progress,
                           const std::stop_token& stop = {}) const;

  /// The copy of that content; nothing before it was prepared. Waits for nobody.
  std::optional<std::filesystem::path> Find(const std::string& content_hash) const;

  /// Forgets the copy; for when the last instance of it was deleted.
  void Remove(const std::string& content_hash) const;

 private:
  Result<void> Install(const std::filesystem::path& copy, const std::vector<std::string>& arguments,
                       const Progress& progress, const std::stop_token& stop) const;
  Options options_;
  mutable std::mutex one_at_a_time_;
};

}  // namespace mesg::runtime
