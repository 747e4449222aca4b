#include "cli/folder_watcher.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace mesg::cli {
namespace {

constexpr std::uint32_t kChanges =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF;

/// How soon a requested stop is noticed.
constexpr int kPollMs = 100;

/// Lines of .mesgignore that are one name, with or without slashes around it.
std::set<std::string> PlainNames(const std::filesystem::path& file) {
  std::set<std::string> names;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    while (line.ends_with('/') || line.ends_with('\r')) line.pop_back();
    if (line.starts_with('/')) line.erase(0, 1);
    const bool plain = !line.empty() && line.find_first_of("/*?[#!\\ ") == std::string::npos;
    if (plain) names.insert(line);
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<FolderWatcher>> FolderWatcher::Open(const std::filesystem::path& folder) {
  const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0)
    return ResourceExhausted("cannot watch {}: {}", folder.string(), std::strerror(errno));
  std::unique_ptr<FolderWatcher> watcher(new FolderWatcher(descriptor));
  watcher->ignored_.merge(PlainNames(folder / ".mesgignore"));
  MESG_TRY(watcher->Add(folder));
  return watcher;
}

FolderWatcher::~FolderWatcher() { close(descriptor_); }

Result<void> FolderWatcher::Add(const std::filesystem::path& folder) {
  const int watch =
      inotify_add_watch(descriptor_, folder.c_str(), kChanges | IN_ONLYDIR | IN_DONT_FOLLOW);
  if (watch < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};  // It went away in between.
    return ResourceExhausted(
        "cannot watch {}: {}", folder.string(),
        errno == ENOSPC ? "raise fs.inotify.max_user_watches" : std::strerror(errno));
  }
  folders_[watch] = folder;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (entry->symlink_status(gone).type() != std::filesystem::file_type::directory) continue;
    if (!IsIgnored(entry->path().filename().string())) MESG_TRY(Add(entry->path()));
  }
  return {};
}

bool FolderWatcher::IsIgnored(const std::string& name) const {
  return ignored_.contains(name) || name.ends_with('~') || name.ends_with(".swp") ||
         name.ends_with(".swx") || name.starts_with(".#") ||
         name == "4913";  // The last is how vim tries whether it may write.
}

bool FolderWatcher::Drain() {
  bool counts = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (ssize_t got; (got = read(descriptor_, buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) counts = true;
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
      if (event->len == 0) continue;
      const std::string name = event->name;
      if (IsIgnored(name)) continue;
      const bool is_folder = (event->mask & IN_ISDIR) != 0;
      const bool appeared = (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      // A new file counts when it has been written, a new folder at once, for what is in it
      // already.
      counts = counts || is_folder || (event->mask & IN_CREATE) == 0;
      const auto folder = folders_.find(event->wd);
      if (is_folder && appeared && folder != folders_.end()) {
        static_cast<void>(
            Add(folder->second / name).has_value());  // Too many: the rest is still watched.
      }
    }
  }
  return counts;
}

bool FolderWatcher::WaitForChange(const std::stop_token& stop, std::chrono::milliseconds quiet) {
  using Clock = std::chrono::steady_clock;
  bool changed = false;
  Clock::time_point last;
  while (!stop.stop_requested()) {
    pollfd waiting{descriptor_, POLLIN, 0};
    poll(&waiting, 1, kPollMs);
    if (Drain()) {
      changed = true;
      last = Clock::now();
    }
    if (changed && Clock::now() - last >= quiet) return true;
  }
  return false;
}

}  // namespace mesg::cli
