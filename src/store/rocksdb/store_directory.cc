#include "store/rocksdb/store_directory.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/wal/crc32c.h"

namespace mesg::store::rocks {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormatName = "mesg-store";
constexpr std::string_view kAcknowledgedName = "mesg-acknowledged";

/// Of the last system call.
Error Failed(std::string_view doing, const std::string& path) {
  const int number = errno;
  const std::string message = fmt::format("cannot {} {}: {}", doing, path, std::strerror(number));
  if (number == ENOSPC || number == EDQUOT) {
    return ResourceExhausted("{}. Free space on that disk", message);
  }
  if (number == EACCES || number == EPERM || number == EROFS) {
    return FailedPrecondition("{}. Core needs to read and write its data directory", message);
  }
  return FailedPrecondition("{}", message);
}

Result<void> SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("open the directory", path);
  const bool synced = fsync(fd) == 0;
  Result<void> result = synced ? Result<void>() : Failed("sync the directory", path);
  close(fd);
  return result;
}

/// Each created directory's entry is synced in its parent, up to the first one that existed.
Result<void> CreateDirectory(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return {};
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (parent != path) MESG_TRY(CreateDirectory(parent));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("create", path);
  if (!fs::is_directory(path, error)) {
    return FailedPrecondition("{} is not a directory, so the store cannot be kept there",
                              path.string());
  }
  return SyncDirectory(parent);
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Replaces the file as a whole.
Result<void> WriteFile(const std::string& path, std::string_view text, bool sync) {
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("create", fresh);
  const bool written = WriteAll(fd, text) && (!sync || fsync(fd) == 0);
  Result<void> result = written ? Result<void>() : Failed("write", fresh);
  close(fd);
  if (!result) return result;
  if (rename(fresh.c_str(), path.c_str()) != 0) return Failed("replace", path);
  return {};
}

std::string ReadFile(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // Unlike an iterator, does not throw when the disk fails.
  return text.str();
}

Result<int> Lock(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    close(fd);
    errno = number;
    if (number != EWOULDBLOCK) return Failed("lock", path);
    std::string holder;
    std::getline(std::ifstream(path), holder);
    return FailedPrecondition(
        "{} is in use by another Core{}. Stop that one (mesg stop), or give this one a directory "
        "of "
        "its own (MESG_HOME)",
        directory, holder.empty() ? "" : " (process " + holder + ")");
  }
  // For whoever meets the lock; nothing depends on it.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid.data(), pid.size(), 0) < 0) errno = 0;
  return fd;
}

}  // namespace

Result<StoreDirectory> StoreDirectory::Open(const std::string& path) {
  MESG_TRY(CreateDirectory(path));
  StoreDirectory directory(path, MESG_TRY(Lock(path)));
  MESG_TRY(directory.CheckFormat());
  MESG_TRY(CreateDirectory(directory.Database()));
  MESG_TRY(directory.CheckDatabase());
  return directory;
}

StoreDirectory::StoreDirectory(StoreDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StoreDirectory::~StoreDirectory() {
  if (lock_ >= 0) close(lock_);
}

Result<void> StoreDirectory::CheckFormat() const {
  const std::string path = path_ + "/FORMAT";
  if (!fs::exists(path)) {
    if (fs::exists(Database())) {
      return DataLoss(
          "{} is missing although {} exists: this is not a whole data directory. Restore it from a "
          "backup, or start with an empty directory",
          path, Database());
    }
    MESG_TRY(WriteFile(path, fmt::format("{} {}\n", kFormatName, kFormatVersion), true));
    return SyncDirectory(path_);
  }
  std::istringstream text(ReadFile(path));
  std::string name;
  std::uint32_t version = 0;
  if (!(text >> name >> version) || name != kFormatName || version == 0) {
    return DataLoss(
        "{} does not hold the format version of a store. Restore the whole data directory from a "
        "backup",
        path);
  }
  if (version > kFormatVersion) {
    return FailedPrecondition(
        "{} was written by a newer version of Core (store format {}, this one reads up to {}). "
        "Start "
        "that version again; nothing was changed",
        path_, version, kFormatVersion);
  }
  return {};
}

/// RocksDB would take a directory without CURRENT for a new one and delete the files in it.
Result<void> StoreDirectory::CheckDatabase() const {
  if (fs::exists(Database() + "/CURRENT")) return {};
  bool holds_data = fs::exists(Acknowledged());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(Database(), error)) {
    const auto extension = entry.path().extension();
    if (extension == ".sst" || extension == ".blob" ||
        (extension == ".log" && entry.file_size(error) > 0)) {
      holds_data = true;
    }
  }
  if (error) return FailedPrecondition("cannot read {}: {}", Database(), error.message());
  if (!holds_data) return {};
  return DataLoss(
      "{}/CURRENT is missing although the store holds data. Restore the whole data directory from "
      "a "
      "backup",
      Database());
}

void StoreDirectory::NoteAcknowledged(const Sequences& sequences) const {
  std::string text = fmt::format("{} 1\n", kAcknowledgedName);
  for (const auto& [partition, sequence] : sequences) {
    text += fmt::format("{} {}\n", partition, sequence);
  }
  text += fmt::format("crc {}\n", wal::Crc32c(text));
  const Result<void> written = WriteFile(Acknowledged(), text, false);
  if (!written) unlink((Acknowledged() + ".new").c_str());
}

Result<void> StoreDirectory::CheckAcknowledged(const Sequences& found) const {
  const std::string text = ReadFile(Acknowledged());
  const std::size_t end = text.rfind("crc ");
  // Torn by a crash of the machine: then nothing is known, which is no error.
  if (end == std::string::npos ||
      text.substr(end) != fmt::format("crc {}\n", wal::Crc32c(text.substr(0, end)))) {
    return {};
  }
  std::istringstream lines(text.substr(0, end));
  std::string name;
  int version = 0;
  lines >> name >> version;
  if (name != kAcknowledgedName || version != 1) return {};
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;
  while (lines >> partition >> sequence) {
    const auto at = found.find(static_cast<std::uint16_t>(partition));
    const std::uint64_t last = at == found.end() ? 0 : at->second;
    if (last >= sequence) continue;
    return DataLoss(
        "the store in {} ends at commit {} of partition {}, but commit {} was acknowledged: the "
        "end "
        "of the log has vanished. Restore the whole data directory from a backup. To accept the "
        "loss "
        "instead, delete {}",
        path_, last, partition, sequence, Acknowledged());
  }
  return {};
}

}  // namespace mesg::store::rocks
