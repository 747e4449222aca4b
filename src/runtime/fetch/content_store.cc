#include "runtime/fetch/content_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/fetch/ignore_rules.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIncoming = ".incoming-";
constexpr std::size_t kBlock = 256 * 1024;

/// SHA-256 of bytes that come in pieces.
class Hasher {
 public:
  Hasher() { crypto_hash_sha256_init(&state_); }
  void Add(std::string_view bytes) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
  }
  std::string Finish() {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
  }

 private:
  crypto_hash_sha256_state state_;
};

Result<IgnoreRules> ReadRules(const fs::path& file, IgnoreStyle style) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(file, error))) return IgnoreRules();
  constexpr std::uintmax_t kMaxSize = 1 << 20;
  if (fs::file_size(file, error) > kMaxSize) {
    return ResourceExhausted("{} is larger than 1 MiB", file.filename().string());
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  auto rules = IgnoreRules::Parse(text, style);
  if (!rules) return Annotate(std::move(rules).error(), file.filename().string());
  return rules;
}

const char* KindOf(fs::file_type type) {
  switch (type) {
    case fs::file_type::symlink:
      return "a symbolic link";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    default:
      return "not a file";
  }
}

/// Walks a folder, depth first.
class Lister {
 public:
  Lister(const fs::path& root, const FetchLimits& limits)
      : root_(root), limits_(limits), budget_(limits) {}

  Result<std::vector<TreeFile>> Run() {
    git_ = MESG_TRY(ReadRules(root_ / ".mesgignore", IgnoreStyle::kGit));
    docker_ = MESG_TRY(ReadRules(root_ / ".dockerignore", IgnoreStyle::kDocker));
    std::error_code error;
    if (!fs::is_directory(root_, error)) return NotFound("there is no folder {}", root_.string());
    MESG_TRY(Walk(""));
    std::sort(files_.begin(), files_.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  Result<void> Walk(const std::string& folder) {
    std::error_code error;
    fs::directory_iterator entries(root_ / folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      MESG_TRY(Visit(folder, *entries));
    }
    if (error) return Unavailable("cannot read {}: {}", (root_ / folder).string(), error.message());
    return {};
  }

  Result<void> Visit(const std::string& folder, const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (name == ".git") return {};
    std::error_code error;
    const fs::file_type type = entry.symlink_status(error).type();
    if (error) return Unavailable("cannot read {}: {}", path, error.message());
    const bool is_folder = type == fs::file_type::directory;
    const bool definition = path == "mesg.yml" || path == "mesg.yaml";
    if (!definition && git_.Ignores(path, is_folder)) return {};
    const bool docker_ignores = !definition && docker_.Ignores(path, is_folder);
    if (docker_ignores && !(is_folder && docker_.MayTakeBack())) return {};
    MESG_TRY(CleanPath(path, limits_));
    MESG_TRY(budget_.AddFile());
    if (is_folder) return Walk(path);
    if (type != fs::file_type::regular) return Refuse(path, type);
    const auto size = entry.file_size(error);
    const auto mode = entry.status(error).permissions();
    if (error) return Unavailable("cannot read {}: {}", path, error.message());
    MESG_TRY(budget_.AddBytes(size));
    files_.push_back({path, (mode & fs::perms::owner_exec) != fs::perms::none, size});
    return {};
  }

  static Error Refuse(const std::string& path, fs::file_type type) {
    const bool npm = path.find("node_modules/") != std::string::npos;
    return InvalidArgument("{} is {}, but a service may hold files and folders only: {}", path,
                           KindOf(type),
                           npm ? "add a line `node_modules` to its .mesgignore, Core installs npm "
                                 "packages itself"
                               : "remove it, or name it in its .mesgignore");
  }

  const fs::path& root_;
  const FetchLimits& limits_;
  FetchBudget budget_;
  IgnoreRules git_;
  IgnoreRules docker_;
  std::vector<TreeFile> files_;
};

/// Reads all of `from`, copies it to `to` when there is one, and gives the hash of the bytes. A
/// file that grew beyond `size` since it was listed is refused.
Result<std::string> HashFile(const fs::path& from, const UniqueFd* to, std::uint64_t size) {
  const UniqueFd in(open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!in) return Unavailable("cannot read {}: {}", from.string(), ErrnoText(errno));
  Hasher hasher;
  std::uint64_t total = 0;
  std::string buffer(kBlock, '\0');
  for (;;) {
    const ssize_t count = read(in.get(), buffer.data(), buffer.size());
    if (count < 0) return Unavailable("cannot read {}: {}", from.string(), ErrnoText(errno));
    if (count == 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    total += bytes.size();
    if (total > size) break;
    hasher.Add(bytes);
    if (to != nullptr && write(to->get(), bytes.data(), bytes.size()) != count) {
      return Unavailable("cannot write a copy of {}: {}", from.string(), ErrnoText(errno));
    }
  }
  if (total != size) return Aborted("{} changed while it was read, try again", from.string());
  return hasher.Finish();
}

Result<std::string> Place(const fs::path& from, const fs::path& to, const TreeFile& file,
                          ContentStore::Take take) {
  // Read-only: nothing shall change what its name says.
  const mode_t mode = file.executable ? 0555 : 0444;
  std::error_code error;
  if (take == ContentStore::Take::kMove) {
    const std::string hash = MESG_TRY(HashFile(from, nullptr, file.size));
    fs::rename(from, to, error);
    if (error || chmod(to.c_str(), mode) != 0) return Unavailable("cannot keep {}", to.string());
    return hash;
  }
  const UniqueFd out(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return Unavailable("cannot write {}: {}", to.string(), ErrnoText(errno));
  const std::string hash = MESG_TRY(HashFile(from, &out, file.size));
  if (fchmod(out.get(), mode) != 0) return Unavailable("cannot keep {}", to.string());
  return hash;
}

Result<void> SyncDisk(const fs::path& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && syncfs(fd.get()) == 0) return {};
  return Unavailable("cannot write {} to disk: {}", folder.string(), ErrnoText(errno));
}

}  // namespace

Result<std::vector<TreeFile>> ListTree(const fs::path& folder, const FetchLimits& limits) {
  return Lister(folder, limits).Run();
}

Result<ContentStore> ContentStore::Open(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Unavailable("cannot make the folder {}: {}", folder.string(), error.message());
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kIncoming))
      fs::remove_all(entry.path(), error);
  }
  return ContentStore(folder);
}

fs::path ContentStore::NewIncoming() const {
  return folder_ / (std::string(kIncoming) + ToHex(RandomBytes(8)));
}

Result<std::string> ContentStore::Add(const fs::path& folder, Take take, const FetchLimits& limits,
                                      const std::stop_token& stop) const {
  const fs::path incoming = NewIncoming();
  auto hash = Build(folder, incoming, take, limits, stop);
  std::error_code error;
  if (hash && !Has(*hash)) {
    auto synced = SyncDisk(incoming);
    if (synced) {
      fs::rename(incoming, FolderOf(*hash), error);
      if (error && !Has(*hash)) {
        synced = Unavailable("cannot keep {}: {}", FolderOf(*hash).string(), error.message());
      } else {
        synced = SyncDisk(folder_);
      }
    }
    if (!synced) hash = std::move(synced).error();
  }
  fs::remove_all(incoming, error);  // There unless it was renamed.
  return hash;
}

Result<std::string> ContentStore::Build(const fs::path& from, const fs::path& to, Take take,
                                        const FetchLimits& limits,
                                        const std::stop_token& stop) const {
  const std::vector<TreeFile> files = MESG_TRY(ListTree(from, limits));
  if (files.empty()) return InvalidArgument("there are no files in it");
  Hasher hasher;
  hasher.Add(std::string_view("mesg-content-1\0", 15));
  std::error_code error;
  for (const TreeFile& file : files) {
    if (stop.stop_requested()) return Cancelled("fetching was stopped");
    const fs::path target = to / file.path;
    fs::create_directories(target.parent_path(), error);
    if (error) return Unavailable("cannot make {}: {}", target.string(), error.message());
    const std::string digest = MESG_TRY(Place(from / file.path, target, file, take));
    hasher.Add(file.path);
    hasher.Add(std::string_view(file.executable ? "\0x" : "\0-", 2));
    hasher.Add(digest);
  }
  return ToBase58(hasher.Finish());
}

bool ContentStore::Has(const std::string& hash) const {
  std::error_code error;
  return !hash.empty() && hash.find_first_of("/.") == std::string::npos &&
         fs::is_directory(FolderOf(hash), error);
}

std::vector<std::string> ContentStore::List() const {
  std::vector<std::string> hashes;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(kIncoming)) hashes.push_back(std::move(name));
  }
  return hashes;
}

void ContentStore::Remove(const std::string& hash) const {
  std::error_code error;
  if (!Has(hash)) return;
  // Out of sight at once: half a folder must not be found under a hash.
  const fs::path gone = NewIncoming();
  fs::rename(FolderOf(hash), gone, error);
  if (!error) fs::remove_all(gone, error);
}

}  // namespace mesg::runtime
