#include "file/watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <stop_token>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "file/operations.h"
#include "file/snapshot.h"

namespace mesg::services::file {
namespace {

constexpr int kDeepest = 64;
constexpr std::uint32_t kMask = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

class Watcher {
 public:
  Watcher(const Folders& folders, const WatchOptions& options, Snapshot& snapshot)
      : folders_(folders),
        options_(options),
        snapshot_(snapshot),
        queue_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

  int fd() const { return queue_.get(); }
  bool Full() const { return full_; }

  // Looks at everything.
  Result<void> Rescan(bool tell) {
    std::map<int, Place> before;
    before.swap(watched_);
    std::unordered_set<std::string> found;
    full_ = false;
    for (std::size_t i = 0; i < folders_.paths().size(); ++i) {
      MESG_TRY(Walk({i, ""}, 0, tell, found));
    }
    for (const std::string& path : snapshot_.Paths()) {
      if (!found.contains(path)) snapshot_.Look(path, {}, tell);
    }
    // Of folders that were moved out, and are still watched where they are now.
    for (const auto& [watch, place] : before) {
      if (!watched_.contains(watch)) inotify_rm_watch(queue_.get(), watch);
    }
    return Commit();
  }

  // Takes what inotify has, and looks where it points to.
  Result<void> Follow() {
    std::set<std::string> dirty;
    bool rescan = false;
    MESG_TRY(Drain(dirty, rescan));
    if (rescan) return Rescan(true);
    for (const std::string& path : dirty) {
      const auto now = MESG_TRY(FileAt(path));
      if (Wanted(path, now.has_value())) snapshot_.Look(path, now, true);
    }
    return Commit();
  }

 private:
  Result<void> Commit() {
    MESG_TRY(snapshot_.Commit());
    fresh_ = 0;
    return {};
  }

  // Watches a folder first and reads it then, so that what comes in between is seen twice rather
  // than never.
  Result<void> Walk(const Place& place, int depth, bool tell,
                    std::unordered_set<std::string>& found) {
    auto folder = folders_.Open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    // One inside that has gone is told by its parent; the outermost must be there.
    if (!folder && depth > 0) return {};
    if (!folder) return folder.error();
    MESG_TRY(Watch(folder->get(), place));
    const auto names = NamesIn(folder->get());
    if (!names && depth > 0) return {};
    if (!names) return names.error();
    for (const std::string& name : *names) {
      struct stat status {};
      if (fstatat(folder->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const Place inside{place.folder, place.relative.empty() ? name : place.relative + "/" + name};
      if (S_ISDIR(status.st_mode) && depth < kDeepest) {
        MESG_TRY(Walk(inside, depth + 1, tell, found));
      } else if (S_ISREG(status.st_mode)) {
        const std::string path = folders_.PathOf(inside);
        if (!Wanted(path, true)) continue;
        found.insert(path);
        snapshot_.Look(path, Known::Of(status), tell);
      }
    }
    // Not all at once: a large folder is kept in steps.
    return Commit();
  }

  Result<void> Watch(int folder, const Place& place) {
    const std::string self = fmt::format("/proc/self/fd/{}", folder);
    const int watch = inotify_add_watch(queue_.get(), self.c_str(), kMask);
    if (watch >= 0) {
      watched_[watch] = place;
      return {};
    }
    if (errno == ENOSPC) {
      return ResourceExhausted(
          "{}: the system watches no more folders; raise fs.inotify.max_user_watches",
          folders_.PathOf(place));
    }
    return Unavailable("cannot watch {}: {}", folders_.PathOf(place), std::strerror(errno));
  }

  Result<void> Drain(std::set<std::string>& dirty, bool& rescan) {
    alignas(inotify_event) std::array<char, 64 * 1024> buffer;
    while (true) {
      const ssize_t size = read(queue_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return {};
      if (size <= 0) return Unavailable("cannot read from inotify: {}", std::strerror(errno));
      for (const char* at = buffer.data(); at < buffer.data() + size;) {
        const auto* const event = reinterpret_cast<const inotify_event*>(at);
        at += sizeof(inotify_event) + event->len;
        MESG_TRY(Take(*event, dirty, rescan));
      }
    }
  }

  Result<void> Take(const inotify_event& event, std::set<std::string>& dirty, bool& rescan) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) rescan = true;
    const auto watched = watched_.find(event.wd);
    if (watched == watched_.end()) return {};
    const Place place = watched->second;
    if ((event.mask & IN_IGNORED) != 0) watched_.erase(watched);
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
      if (place.relative.empty()) return NotFound("{} is gone", folders_.PathOf(place));
      return {};
    }
    if ((event.mask & IN_ISDIR) != 0) {
      rescan = true;
      return {};
    }
    if (event.len == 0) return {};
    const std::string name = event.name;
    const std::string path = folders_.PathOf(
        {place.folder, place.relative.empty() ? name : place.relative + "/" + name});
    // A new file is told once it is closed; one more name of a file is never closed.
    if ((event.mask & IN_CREATE) != 0) {
      const auto status = StatusOf(path);
      if (!status || status->st_nlink < 2) return {};
    }
    dirty.insert(path);
    return {};
  }

  std::optional<struct stat> StatusOf(const std::string& path) const {
    const auto place = folders_.Find(path);
    if (!place) return {};
    const auto parent = folders_.OpenParent(*place);
    struct stat status {};
    if (!parent ||
        fstatat(parent->first.get(), parent->second.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return {};
    }
    return status;
  }

  // Nothing when there is no regular file.
  Result<std::optional<Known>> FileAt(const std::string& path) const {
    const auto status = StatusOf(path);
    if (!status || !S_ISREG(status->st_mode)) return std::optional<Known>();
    return std::optional<Known>(Known::Of(*status));
  }

  // Whether it is to be told; asked once for each look.
  bool Wanted(const std::string& path, bool is_there) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (IsTemporary(name)) return false;
    if (snapshot_.Has(path)) return true;
    if (!is_there || fnmatch(options_.pattern.c_str(), name.c_str(), 0) != 0) return false;
    const bool has_room = snapshot_.size() + fresh_ < options_.most_files;
    if (has_room) ++fresh_;
    full_ = full_ || !has_room;
    return has_room;
  }

  const Folders& folders_;
  const WatchOptions& options_;
  Snapshot& snapshot_;
  const Descriptor queue_;
  std::map<int, Place> watched_;
  std::size_t fresh_ = 0;  // Found, not committed yet.
  bool full_ = false;
};

}  // namespace

Result<void> WatchFolders(sdk::Service& service, const Folders& folders,
                          const WatchOptions& options, Upkeep::Session& session) {
  Snapshot snapshot(service, folders);
  const bool begun = MESG_TRY(snapshot.Load());
  Watcher watcher(folders, options, snapshot);
  MESG_TRY(watcher.Rescan(begun || options.tell_existing));
  if (!begun) MESG_TRY(snapshot.Begin());

  const Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback stopped(session.Stop(), [&] { eventfd_write(wake.get(), 1); });
  while (!session.Stopping()) {
    if (watcher.Full()) {
      session.Degraded(
          fmt::format("there are more than MAX_FILES ({}) files, those beyond are "
                      "not told of",
                      options.most_files));
    } else {
      session.Up();
    }
    std::array<pollfd, 2> fds{{{watcher.fd(), POLLIN, 0}, {wake.get(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), -1);
    if (session.Stopping()) break;
    MESG_TRY(watcher.Follow());
  }
  return {};
}

}  // namespace mesg::services::file
