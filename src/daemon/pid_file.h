#pragma once

#include <filesystem>

#include "base/result.h"

namespace mesg::daemon {

/// Says which process is Core, for `mesg stop` when Core does not answer. Written when Core is
/// ready, removed at the end; one that a crash leaves behind does no harm.
class PidFile {
 public:
  /// FailedPrecondition when it cannot be written.
  static Result<PidFile> Write(std::filesystem::path file);
  ~PidFile();
  PidFile(PidFile&& other) noexcept : file_(std::move(other.file_)) { other.file_.clear(); }
  PidFile& operator=(PidFile&&) = delete;

 private:
  explicit PidFile(std::filesystem::path file) : file_(std::move(file)) {}
  std::filesystem::path file_;
};

}  // namespace mesg::daemon
