#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace mesg::cli {

/// Notices that a folder, or anything below it, changed. Left out are .git, node_modules, the plain
/// names in .mesgignore, and the temporary files of editors. One thread.
class FolderWatcher {
 public:
  /// ResourceExhausted when the system allows no more watches.
  static Result<std::unique_ptr<FolderWatcher>> Open(const std::filesystem::path& folder);
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  /// Another folder beside the first.
  Result<void> Add(const std::filesystem::path& folder);

  /// Waits until something changed and then nothing did for `quiet`. False when the stop is
  /// requested.
  bool WaitForChange(const std::stop_token& stop, std::chrono::milliseconds quiet);

 private:
  explicit FolderWatcher(int descriptor) : descriptor_(descriptor) {}
  bool IsIgnored(const std::string& name) const;
  /// Takes what has been noticed; true when any of it counts.
  bool Drain();

  const int descriptor_;
  std::map<int, std::filesystem::path> folders_;
  std::set<std::string> ignored_ = {".git", "node_modules"};
};

}  // namespace mesg::cli
