#include "store/wal/log_recovery.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace mesg::store::wal {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Error Failed(std::string_view doing, const std::string& path) {
  return Unavailable("cannot {} {}: {}", doing, path, std::strerror(errno));
}

/// Fills `block` as far as the file goes.
Result<std::size_t> ReadBlock(int fd, const std::string& path, std::string& block) {
  std::size_t size = 0;
  while (size < block.size()) {
    const ssize_t count = read(fd, block.data() + size, block.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  return size;
}

Result<void> Truncate(const std::string& path, std::uint64_t size) {
  const File file(path, O_WRONLY);
  if (file.fd() < 0) return Failed("open", path);
  if (ftruncate(file.fd(), static_cast<off_t>(size)) != 0) return Failed("cut", path);
  if (fsync(file.fd()) != 0) return Failed("sync", path);
  return {};
}

/// The numbered logs, oldest first.
Result<std::vector<std::string>> LogFiles(const std::string& directory) {
  std::vector<std::pair<std::uint64_t, std::string>> numbered;
  std::error_code error;
  for (auto at = fs::directory_iterator(directory, error); !error && at != fs::end(at);
       at.increment(error)) {
    const std::string name = at->path().filename();
    if (at->path().extension() != ".log") continue;
    std::uint64_t number = 0;
    const auto end = std::from_chars(name.data(), name.data() + name.size(), number).ptr;
    if (end == name.data() + name.size() - 4) numbered.emplace_back(number, at->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Unavailable("cannot read the directory {}: {}", directory, error.message());
  }
  std::sort(numbered.begin(), numbered.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : numbered) paths.push_back(std::move(path));
  return paths;
}

Result<void> CheckManifest(const std::string& directory) {
  std::string name;
  if (!std::getline(std::ifstream(directory + "/CURRENT"), name)) return {};  // A new store.
  const std::string path = directory + "/" + name;
  if (!fs::exists(path)) return {};  // RocksDB says so better.
  const Inspection found = MESG_TRY(InspectFile(path, Contents::kOpaque));
  if (!found.DamagedInTheMiddle()) return {};
  return DataLoss(
      "{} is damaged at byte {}, and intact records follow. It lists the files of the store, so "
      "the "
      "store cannot be opened without it. Restore the whole data directory from a backup; check "
      "the "
      "disk and the memory of this machine first",
      path, *found.damaged_at);
}

Error Damaged(const std::string& path, const Inspection& found, const std::string& follows) {
  return DataLoss(
      "{} is damaged at byte {} (after {} intact commits), but {}: this is not the end of a "
      "crash, something changed the file. Check the disk and the memory of this machine, then "
      "restore "
      "the whole data directory from a backup. To give up the damaged commit and every later one "
      "instead, run: truncate --size={} '{}', and move any later .log file away",
      path, *found.damaged_at, found.records, follows, found.intact_size, path);
}

}  // namespace

Result<Inspection> InspectFile(const std::string& path, Contents contents) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return Failed("open", path);
  WalInspector inspector(contents);
  std::string block(kBlockBytes, '\0');
  std::size_t size = block.size();
  while (size == block.size()) {
    size = MESG_TRY(ReadBlock(file.fd(), path, block));
    inspector.Add(std::string_view(block).substr(0, size));
  }
  return inspector.Finish();
}

Result<std::uint64_t> RecoverLogs(const std::string& directory) {
  MESG_TRY(CheckManifest(directory));
  std::optional<std::pair<std::string, Inspection>> torn;
  for (const std::string& path : MESG_TRY(LogFiles(directory))) {
    Inspection found = MESG_TRY(InspectFile(path, Contents::kWriteBatches));
    if (torn && (found.records > 0 || found.DamagedInTheMiddle())) {
      return Damaged(torn->first, torn->second, "a later log, " + path + ", holds intact ones");
    }
    if (found.intact_after) {
      return Damaged(path, found,
                     fmt::format("a later one begins at byte {}", *found.intact_after));
    }
    if (found.search_exhausted) {
      return Damaged(path, found,
                     "what follows cannot be searched for later ones in reasonable time");
    }
    if (found.damaged_at && !torn) torn.emplace(path, found);
  }
  if (!torn) return std::uint64_t{0};
  MESG_TRY(Truncate(torn->first, torn->second.intact_size));
  return torn->second.TornBytes();
}

}  // namespace mesg::store::wal
