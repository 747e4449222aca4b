#include "file/folders.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mesg::services::file {
namespace {

int OpenBeneath(int folder, const char* path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  constexpr int kMostTries = 100;
  for (int i = 0; i < kMostTries; ++i) {
    const long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
    // EAGAIN: a name on the way was moved meanwhile, the kernel could not be sure.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  return -1;
}

bool IsInside(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) &&
         (folder == "/" || path.size() == folder.size() || path[folder.size()] == '/');
}

// Without repeated slashes, `.` and a slash at the end.
Result<std::string> Normal(const std::string& path) {
  if (!path.starts_with('/')) {
    return InvalidArgument("expected an absolute path, got \"{}\"", path);
  }
  if (path.find('\0') != std::string::npos) return InvalidArgument("the path holds a NUL");
  std::string normal;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part == "..") return InvalidArgument("expected a path without .., got \"{}\"", path);
    if (!part.empty() && part != ".") normal += "/" + part;
    begin = end + 1;
  }
  return normal.empty() ? "/" : normal;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Error SystemError(int error, std::string_view what, std::string_view path) {
  const std::string text = fmt::format("{} {}: {}", what, path, std::strerror(error));
  switch (error) {
    case ENOENT:
      return NotFound("{}", text);
    case EEXIST:
    case ENOTEMPTY:
      return AlreadyExists("{}", text);
    case EXDEV:
      return PermissionDenied("{} {}: it leads out of its folder, or to another file system", what,
                              path);
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return PermissionDenied("{}", text);
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case EINVAL:
    case EFBIG:
    case ENXIO:
      return FailedPrecondition("{}", text);
    default:
      return Unavailable("{}", text);
  }
}

TimePoint ModifiedAt(const struct stat& status) {
  return FromMicros(status.st_mtim.tv_sec * 1'000'000 + status.st_mtim.tv_nsec / 1000);
}

Result<std::vector<std::string>> NamesIn(int fd) {
  const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const opened = copy >= 0 ? fdopendir(copy) : nullptr;
  if (opened == nullptr) {
    const int error = errno;
    if (copy >= 0) close(copy);
    return SystemError(error, "cannot list", "a folder");
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opened, &closedir);
  std::vector<std::string> names;
  while (const dirent* const each = readdir(folder.get())) {
    const std::string_view name = each->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<Folders> Folders::Of(std::vector<std::string> paths) {
  if (paths.empty()) return InvalidArgument("FOLDERS: expected at least one absolute path");
  for (std::string& path : paths) {
    auto normal = Normal(path);
    if (!normal) return InvalidArgument("FOLDERS: {}", normal.error().message);
    path = *std::move(normal);
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    for (std::size_t j = 0; j < paths.size(); ++j) {
      if (i != j && IsInside(paths[i], paths[j])) {
        return InvalidArgument("FOLDERS: expected folders apart, {} is inside of {}", paths[i],
                               paths[j]);
      }
    }
  }
  const Descriptor probe(OpenBeneath(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0));
  if (probe.get() < 0 && (errno == ENOSYS || errno == EPERM)) {
    return Unimplemented(
        "this system does not offer openat2 (Linux 5.6), without which paths cannot be kept inside "
        "of FOLDERS");
  }
  return Folders(std::move(paths));
}

Result<Place> Folders::Find(const std::string& path) const {
  const std::string normal = MESG_TRY(Normal(path));
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (!IsInside(normal, paths_[i])) continue;
    std::string relative = normal.substr(paths_[i].size());
    if (relative.starts_with('/')) relative.erase(0, 1);
    return Place{i, std::move(relative)};
  }
  return InvalidArgument("expected a path inside of FOLDERS, got \"{}\"", path);
}

std::string Folders::PathOf(const Place& place) const {
  const std::string& folder = paths_.at(place.folder);
  if (place.relative.empty()) return folder;
  return folder == "/" ? "/" + place.relative : folder + "/" + place.relative;
}

Result<Descriptor> Folders::Open(const Place& place, int flags, mode_t mode) const {
  const std::string& path = paths_.at(place.folder);
  // The way to the folder itself is the operator's: links are followed there.
  const Descriptor folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return SystemError(errno, "cannot open the folder", path);
  const char* const relative = place.relative.empty() ? "." : place.relative.c_str();
  Descriptor opened(OpenBeneath(folder.get(), relative, flags, mode));
  if (opened.get() < 0) return SystemError(errno, "cannot open", PathOf(place));
  return opened;
}

Result<std::pair<Descriptor, std::string>> Folders::OpenParent(const Place& place) const {
  if (place.relative.empty()) {
    return InvalidArgument("expected a path below {}, not the folder itself", PathOf(place));
  }
  const auto slash = place.relative.rfind('/');
  const bool is_top = slash == std::string::npos;
  const Place parent{place.folder, is_top ? "" : place.relative.substr(0, slash)};
  Descriptor opened = MESG_TRY(Open(parent, O_RDONLY | O_DIRECTORY));
  return std::pair<Descriptor, std::string>(std::move(opened),
                                            place.relative.substr(is_top ? 0 : slash + 1));
}

}  // namespace mesg::services::file
