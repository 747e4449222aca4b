#include "daemon/delivery_key.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"

namespace mesg::daemon {
namespace {

constexpr std::size_t kSize = 32;

Error CannotWrite(const std::filesystem::path& file) {
  const Code code =
      errno == ENOSPC || errno == EDQUOT ? Code::kResourceExhausted : Code::kFailedPrecondition;
  return Error{code, fmt::format("cannot write {}: {}. Give the folder to the user who runs Core, "
                                 "and room on its disk",
                                 file.string(), std::strerror(errno))};
}

/// Nothing when there is no such file.
Result<std::optional<std::string>> Read(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::optional<std::string>();
  if (fd < 0) {
    return FailedPrecondition("cannot read {}: {}. It must belong to the user who runs Core",
                              file.string(), std::strerror(errno));
  }
  struct stat info {};
  std::array<char, kSize + 1> bytes{};
  fstat(fd, &info);
  const ssize_t size = read(fd, bytes.data(), bytes.size());
  close(fd);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return FailedPrecondition("{} is a secret that others can read: run `chmod 600 {}`",
                              file.string(), file.string());
  }
  if (size != static_cast<ssize_t>(kSize)) {
    return DataLoss(
        "{} is damaged, it has not {} bytes. Restore it from a backup; or delete it, then answers "
        "to tasks that are under way are refused and these tasks run again",
        file.string(), kSize);
  }
  return std::optional<std::string>(std::string(bytes.data(), kSize));
}

/// Durable when it returns; never half there under its name.
Result<void> Write(const std::filesystem::path& file, const std::string& key) {
  const std::filesystem::path whole = file.string() + ".new";
  const int fd = open(whole.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(whole);
  const bool written = write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                       fchmod(fd, 0600) == 0 && fsync(fd) == 0;
  const Error failed = CannotWrite(whole);
  close(fd);
  if (!written) return failed;
  if (std::rename(whole.c_str(), file.c_str()) != 0) return CannotWrite(file);
  const int folder = open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && fsync(folder) == 0;
  const Error not_synced = CannotWrite(file);
  if (folder >= 0) close(folder);
  if (!synced) return not_synced;
  return {};
}

}  // namespace

Result<std::string> ReadOrMakeDeliveryKey(const std::filesystem::path& file) {
  if (auto key = MESG_TRY(Read(file))) return *std::move(key);
  std::string key = RandomBytes(kSize);
  MESG_TRY(Write(file, key));
  return key;
}

}  // namespace mesg::daemon
