#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::services::file {

/// A file descriptor that is closed with its object.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A path inside one of the folders.
struct Place {
  std::size_t folder = 0;
  std::string relative;  ///< Without a slash in front; "" is the folder itself.
};

/// The folders that the service may touch. The kernel itself resolves each path beneath its folder
/// (openat2 with RESOLVE_BENEATH), so that no link, `..` or race leads outside.
///
/// Any thread.
class Folders {
 public:
  /// InvalidArgument when a path is not absolute or one is inside another; Unimplemented when the
  /// kernel has no openat2. The folders need not exist yet.
  static Result<Folders> Of(std::vector<std::string> paths);

  const std::vector<std::string>& paths() const { return paths_; }
  /// InvalidArgument unless `path` is absolute, without `..`, and inside one of the folders.
  Result<Place> Find(const std::string& path) const;
  std::string PathOf(const Place& place) const;

  /// As openat2. NotFound, PermissionDenied (outside, or not allowed by the system) and others.
  Result<Descriptor> Open(const Place& place, int flags, mode_t mode = 0) const;
  /// The folder a place is in, and its last name.
  Result<std::pair<Descriptor, std::string>> OpenParent(const Place& place) const;

 private:
  explicit Folders(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  std::vector<std::string> paths_;
};

/// What errno means for `path`.
Error SystemError(int error, std::string_view what, std::string_view path);
TimePoint ModifiedAt(const struct stat& status);
/// Each name in the folder `fd`, without `.` and `..`, in order.
Result<std::vector<std::string>> NamesIn(int fd);

}  // namespace mesg::services::file
