#include "base/private_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mesg {
namespace {

namespace fs = std::filesystem;

Error CannotRead(const fs::path& file) {
  return FailedPrecondition("cannot read {}: {}. It must belong to the user who runs Core",
                            file.string(), std::strerror(errno));
}

Error CannotWrite(const fs::path& file) {
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return Error{full ? Code::kResourceExhausted : Code::kFailedPrecondition,
               fmt::format("cannot write {}: {}. Give the folder to the user who runs Core, and "
                           "room on its disk",
                           file.string(), std::strerror(errno))};
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Writes the file `name`, open as `fd`, to its end and durably; removes it when that fails.
Result<void> Fill(int fd, const std::string& name, std::string_view bytes) {
  if (fd < 0) return CannotWrite(name);
  const bool written = WriteAll(fd, bytes) && fsync(fd) == 0;
  const Error failed = CannotWrite(name);
  close(fd);
  if (written) return {};
  unlink(name.c_str());
  return failed;
}

Result<void> SyncFolderOf(const fs::path& file) {
  const int folder = open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return CannotWrite(file);
  const bool synced = fsync(folder) == 0;
  const Error failed = CannotWrite(file);
  close(folder);
  if (!synced) return failed;
  return {};
}

Result<void> MakeFolders(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::exists(folder, error)) return {};
  MESG_TRY(MakeFolders(folder.parent_path()));
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return CannotWrite(folder);
  return SyncFolderOf(folder);
}

}  // namespace

Result<std::optional<PrivateFile>> PrivateFile::Open(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 && errno == ENOENT) return std::optional<PrivateFile>();
  if (fd < 0) return CannotRead(path);
  PrivateFile file(path, fd, 0);
  struct stat info {};
  if (fstat(fd, &info) != 0) return CannotRead(path);
  if (S_ISREG(info.st_mode)) {
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      return FailedPrecondition("{} is a secret that others can read: run `chmod 600 {}`",
                                path.string(), path.string());
    }
    file.size_ = static_cast<std::size_t>(info.st_size);
  }
  return std::optional<PrivateFile>(std::move(file));
}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

PrivateFile::~PrivateFile() {
  if (fd_ >= 0) close(fd_);
}

Result<std::size_t> PrivateFile::Read(std::span<char> into) const {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got = read(fd_, into.data() + filled, into.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path_);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<void> ReplacePrivateFile(const fs::path& file, std::string_view bytes) {
  // One name for all times: what a crash left of it is written over, and never piles up.
  const std::string whole = file.string() + ".new";
  unlink(whole.c_str());
  MESG_TRY(Fill(open(whole.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR),
                whole, bytes));
  if (std::rename(whole.c_str(), file.c_str()) != 0) return CannotWrite(file);
  return SyncFolderOf(file);
}

Result<void> CreatePrivateFile(const fs::path& file, std::string_view bytes) {
  MESG_TRY(MakeFolders(file.parent_path()));
  std::string whole = file.string() + ".XXXXXX";
  const int fd = mkostemp(whole.data(), O_CLOEXEC);  // Mode 0600.
  MESG_TRY(Fill(fd, whole, bytes));
  // A link, other than a rename, never takes the place of a file that somebody was faster to make.
  const bool linked = link(whole.c_str(), file.c_str()) == 0;
  const bool exists = errno == EEXIST;
  const Error failed = CannotWrite(file);
  unlink(whole.c_str());
  if (!linked && exists) return AlreadyExists("{} exists already", file.string());
  if (!linked) return failed;
  return SyncFolderOf(file);
}

}  // namespace mesg
