#include "file/operations.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include "base/encoding.h"
#include "connector/input.h"
#include "connector/payload.h"
#include "mesg/json.h"
#include "mesg/service.h"

namespace mesg::services::file {
namespace {

constexpr std::int64_t kUsualBytes = 1024 * 1024;
constexpr std::int64_t kMostBytes = 2 * 1024 * 1024;
constexpr std::size_t kMostListBytes = 2 * 1024 * 1024;
constexpr std::size_t kMostVisited = 1'000'000;
constexpr int kDeepest = 64;
constexpr std::string_view kTemporary = ".mesg-";

Result<Place> PlaceOf(const Folders& folders, const Input& inputs, std::string_view name) {
  const std::string path = MESG_TRY(inputs[name].Plain(name));
  auto place = folders.Find(path);
  if (!place) return InvalidArgument("{}: {}", name, place.error().message);
  return place;
}

Result<std::string> ContentOf(const Input& inputs) {
  std::string content = MESG_TRY(inputs["content"].Plain("content"));
  if (!inputs["base64"].IsTrue()) return content;
  auto bytes = sdk::FromBase64(content);
  if (!bytes) return InvalidArgument("content: {}", bytes.error().message);
  return bytes;
}

// A regular file: opening a pipe or a device could wait for ever or do something.
Result<std::pair<Descriptor, struct stat>> OpenFile(const Folders& folders, const Place& place,
                                                    int flags, mode_t mode = 0) {
  Descriptor opened = MESG_TRY(folders.Open(place, flags | O_NONBLOCK | O_NOCTTY, mode));
  struct stat status {};
  if (fstat(opened.get(), &status) != 0) {
    return SystemError(errno, "cannot read", folders.PathOf(place));
  }
  if (!S_ISREG(status.st_mode)) {
    return FailedPrecondition("{}: expected a file, it is something else", folders.PathOf(place));
  }
  return std::pair<Descriptor, struct stat>(std::move(opened), status);
}

Result<std::string> ReadBytes(int fd, std::int64_t offset, std::size_t most,
                              std::string_view path) {
  std::string bytes(most, '\0');
  std::size_t count = 0;
  while (count < most) {
    const ssize_t got =
        pread(fd, bytes.data() + count, most - count, offset + static_cast<std::int64_t>(count));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno, "cannot read", path);
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  bytes.resize(count);
  return bytes;
}

Result<void> WriteBytes(int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError(errno, "cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (fsync(fd) != 0) return SystemError(errno, "cannot write", path);
  return {};
}

// A character that the limit cut in two is left to the next read.
void DropHalfCharacter(std::string& text) {
  for (std::size_t cut = 1; cut <= 3 && cut < text.size(); ++cut) {
    const auto byte = static_cast<unsigned char>(text[text.size() - cut]);
    if ((byte & 0xC0U) == 0x80U) continue;
    if (byte >= 0xC0U && IsUtf8({text.data(), text.size() - cut})) text.resize(text.size() - cut);
    return;
  }
}

std::string_view KindOf(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "folder";
  return S_ISLNK(mode) ? "link" : "other";
}

/// Walks a folder for task `list`.
class Lister {
 public:
  Lister(const Folders& folders, std::string glob, bool recursive, std::size_t limit)
      : folders_(folders), glob_(std::move(glob)), recursive_(recursive), limit_(limit) {}

  Result<void> Walk(const Place& place, int depth) {
    // Links inside are listed, not followed.
    const int nofollow = depth > 0 ? O_NOFOLLOW : 0;
    const Descriptor folder = MESG_TRY(folders_.Open(place, O_RDONLY | O_DIRECTORY | nofollow));
    const auto names = MESG_TRY(NamesIn(folder.get()));
    for (const std::string& name : names) {
      if (truncated_) return {};
      if (++visited_ > kMostVisited) truncated_ = true;
      struct stat status {};
      // What has gone meanwhile is not listed.
      if (IsTemporary(name) ||
          fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      const Place inside{place.folder, place.relative.empty() ? name : place.relative + "/" + name};
      if (glob_.empty() || fnmatch(glob_.c_str(), name.c_str(), 0) == 0) Add(inside, status);
      if (recursive_ && S_ISDIR(status.st_mode) && depth < kDeepest) {
        // A folder that is closed to us, or gone, does not end the list.
        static_cast<void>(Walk(inside, depth + 1));
      }
    }
    return {};
  }

  std::string Json() const {
    return sdk::JsonObject()
        .AddRaw("entries", "[" + entries_ + "]")
        .Add("truncated", truncated_)
        .Take();
  }

 private:
  void Add(const Place& place, const struct stat& status) {
    if (count_ == limit_ || entries_.size() > kMostListBytes) {
      truncated_ = true;
      return;
    }
    if (count_++ > 0) entries_ += ',';
    entries_ += sdk::JsonObject()
                    .Add("path", folders_.PathOf(place))
                    .Add("kind", KindOf(status.st_mode))
                    .Add("size", status.st_size)
                    .Add("modified", FormatTime(ModifiedAt(status)))
                    .Take();
  }

  const Folders& folders_;
  const std::string glob_;
  const bool recursive_;
  const std::size_t limit_;
  std::string entries_;
  std::size_t count_ = 0;
  std::size_t visited_ = 0;
  bool truncated_ = false;
};

}  // namespace

bool IsTemporary(std::string_view name) {
  return name.starts_with(kTemporary) && name.ends_with(".tmp");
}

Result<void> Operations::CheckWrite() const {
  if (!write_) return PermissionDenied("the service only reads: WRITE is false");
  return {};
}

Result<std::string> Operations::Read(std::string_view json) const {
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place place = MESG_TRY(PlaceOf(folders_, inputs, "path"));
  const std::int64_t offset = MESG_TRY(inputs["offset"].Whole("offset", 0, 0, 1LL << 60));
  const std::int64_t most =
      MESG_TRY(inputs["max_bytes"].Whole("max_bytes", kUsualBytes, 1, kMostBytes));
  const std::string path = folders_.PathOf(place);
  const auto [opened, status] = MESG_TRY(OpenFile(folders_, place, O_RDONLY));
  std::string bytes =
      MESG_TRY(ReadBytes(opened.get(), offset, static_cast<std::size_t>(most), path));
  const bool is_cut = bytes.size() == static_cast<std::size_t>(most);
  if (is_cut && !IsUtf8(bytes)) DropHalfCharacter(bytes);
  const bool is_text = IsUtf8(bytes);
  const auto end = offset + static_cast<std::int64_t>(bytes.size());
  return sdk::JsonObject()
      .Add("content", is_text ? bytes : sdk::ToBase64(bytes))
      .Add("base64", !is_text)
      .Add("bytes", bytes.size())
      .Add("size", status.st_size)
      .Add("modified", FormatTime(ModifiedAt(status)))
      .Add("more", end < status.st_size)
      .Take();
}

Result<std::string> Operations::Write(std::string_view json) const {
  MESG_TRY(CheckWrite());
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place place = MESG_TRY(PlaceOf(folders_, inputs, "path"));
  const std::string content = MESG_TRY(ContentOf(inputs));
  const std::string path = folders_.PathOf(place);
  const auto [parent, name] = MESG_TRY(folders_.OpenParent(place));
  const std::string temporary =
      std::string(kTemporary) + ToHex(RandomBytes(8)) + std::string(".tmp");
  {
    const Descriptor made(openat(parent.get(), temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (made.get() < 0) return SystemError(errno, "cannot write", path);
    if (auto written = WriteBytes(made.get(), content, path); !written) {
      unlinkat(parent.get(), temporary.c_str(), 0);
      return written.error();
    }
  }
  const bool create_only = inputs["create_only"].IsTrue();
  const unsigned flags = create_only ? RENAME_NOREPLACE : 0U;
  if (renameat2(parent.get(), temporary.c_str(), parent.get(), name.c_str(), flags) != 0) {
    const int error = errno;
    unlinkat(parent.get(), temporary.c_str(), 0);
    if (error != EEXIST) return SystemError(error, "cannot write", path);
    // An earlier attempt may have made it.
    const auto there = OpenFile(folders_, place, O_RDONLY);
    if (!there || there->second.st_size != static_cast<off_t>(content.size()) ||
        ReadBytes(there->first.get(), 0, content.size(), path).value_or("") != content) {
      return SystemError(error, "cannot create", path);
    }
  }
  fsync(parent.get());
  return sdk::JsonObject().Add("size", content.size()).Take();
}

Result<std::string> Operations::Append(std::string_view json) const {
  MESG_TRY(CheckWrite());
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place place = MESG_TRY(PlaceOf(folders_, inputs, "path"));
  const std::string content = MESG_TRY(ContentOf(inputs));
  const std::string path = folders_.PathOf(place);
  const auto [opened, status] =
      MESG_TRY(OpenFile(folders_, place, O_WRONLY | O_APPEND | O_CREAT, 0666));
  MESG_TRY(WriteBytes(opened.get(), content, path));
  struct stat after {};
  if (fstat(opened.get(), &after) != 0) return SystemError(errno, "cannot read", path);
  return sdk::JsonObject().Add("size", after.st_size).Take();
}

Result<std::string> Operations::Move(std::string_view json) const {
  MESG_TRY(CheckWrite());
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place from = MESG_TRY(PlaceOf(folders_, inputs, "from"));
  const Place to = MESG_TRY(PlaceOf(folders_, inputs, "to"));
  const auto [from_parent, from_name] = MESG_TRY(folders_.OpenParent(from));
  const auto [to_parent, to_name] = MESG_TRY(folders_.OpenParent(to));
  const unsigned flags = inputs["overwrite"].IsTrue() ? 0U : RENAME_NOREPLACE;
  if (renameat2(from_parent.get(), from_name.c_str(), to_parent.get(), to_name.c_str(), flags) !=
      0) {
    return SystemError(errno, "cannot move " + folders_.PathOf(from) + " to", folders_.PathOf(to));
  }
  fsync(to_parent.get());
  fsync(from_parent.get());
  return sdk::JsonObject().Add("path", folders_.PathOf(to)).Take();
}

Result<std::string> Operations::List(std::string_view json) const {
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place place = MESG_TRY(PlaceOf(folders_, inputs, "path"));
  const std::int64_t limit = MESG_TRY(inputs["limit"].Whole("limit", 1000, 1, 10'000));
  Lister lister(folders_, inputs["glob"].text, inputs["recursive"].IsTrue(),
                static_cast<std::size_t>(limit));
  MESG_TRY(lister.Walk(place, 0));
  return lister.Json();
}

Result<std::string> Operations::Remove(std::string_view json) const {
  MESG_TRY(CheckWrite());
  const Input inputs = MESG_TRY(Input::Read(json));
  const Place place = MESG_TRY(PlaceOf(folders_, inputs, "path"));
  auto parent = folders_.OpenParent(place);
  if (!parent && parent.error().code == Code::kNotFound) return R"({"removed":false})";
  if (!parent) return parent.error();
  const auto& [folder, name] = *parent;
  if (unlinkat(folder.get(), name.c_str(), 0) == 0 ||
      (errno == EISDIR && unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR) == 0)) {
    fsync(folder.get());
    return R"({"removed":true})";
  }
  if (errno == ENOENT) return R"({"removed":false})";
  return SystemError(errno, "cannot remove", folders_.PathOf(place));
}

}  // namespace mesg::services::file
