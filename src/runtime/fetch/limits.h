#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::runtime {

/// What a service's files may amount to. The whole is checked while it is unpacked, not afterwards.
struct FetchLimits {
  std::uint64_t max_bytes = 512ULL << 20;          ///< Of all files together, unpacked.
  std::uint64_t max_archive_bytes = 512ULL << 20;  ///< Of an archive or what a repository sends.
  std::uint64_t max_files = 50'000;                ///< Files and folders.
  std::uint64_t max_path = 1024;                   ///< Bytes of a path below the service's folder.
};

/// `path` below a service's folder, without "./" and double slashes; "" for the folder itself.
///
/// InvalidArgument when it is absolute, holds "..", a backslash or a control character;
/// ResourceExhausted when it is too long.
Result<std::string> CleanPath(std::string_view path, const FetchLimits& limits);

/// Counts files and bytes; ResourceExhausted beyond the limits.
class FetchBudget {
 public:
  explicit FetchBudget(const FetchLimits& limits) : limits_(limits) {}
  Result<void> AddFile();
  Result<void> AddBytes(std::uint64_t count);
  std::uint64_t Files() const { return files_; }
  std::uint64_t Bytes() const { return bytes_; }

 private:
  FetchLimits limits_;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace mesg::runtime
