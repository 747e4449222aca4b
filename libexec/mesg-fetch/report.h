#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/fetch/helper_protocol.h"
#include "runtime/process/unique_fd.h"

namespace mesg::fetch {

/// Tells Core, in lines on standard output.
class Report {
 public:
  /// At most a few times a second: the rest is dropped.
  void Progress(std::string text);
  void Finish(const runtime::HelperMessage& message);

 private:
  void Write(const runtime::HelperMessage& message);
  std::chrono::steady_clock::time_point last_{};
};

/// "3.4 MiB"
std::string Size(std::uint64_t bytes);

/// A new file below `root`, with the folders that lead to it. `path` is clean.
Result<runtime::UniqueFd> CreateFile(const std::string& root, const std::string& path,
                                     bool executable);
Result<void> WriteAll(const runtime::UniqueFd& file, const void* data, std::size_t size);

}  // namespace mesg::fetch
