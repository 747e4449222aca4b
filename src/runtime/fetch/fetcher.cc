#include "runtime/fetch/fetcher.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/command.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

/// A folder for what is unfinished; removed with all that is left in it.
class WorkFolder {
 public:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {
    std::error_code ignored;
    fs::create_directory(path_, ignored);  // What is put in it fails, with a message, if this did.
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Archives of a repository hold one folder that holds the rest.
fs::path WhereTheDefinitionIs(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / "mesg.yml", ignored) || fs::exists(folder / "mesg.yaml", ignored)) {
    return folder;
  }
  fs::path only;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!only.empty() || !entry.is_directory(ignored)) return folder;
    only = entry.path();
  }
  return only.empty() ? folder : only;
}

ResourceLimits HelperLimits(const FetchLimits& limits) {
  // The helper counts for itself and says what was too much; these stop it when it is taken over.
  constexpr std::uint64_t kOverhead = 64 << 20;
  ResourceLimits helper{.address_space = 4ULL << 30,
                        .file_size = limits.max_bytes + limits.max_archive_bytes + kOverhead,
                        .cpu_seconds = 300};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  helper.address_space = 0;  // The sanitizers reserve terabytes that they never use.
#endif
  return helper;
}

}  // namespace

Environment FetchEnvironment() {
  Environment environment = InheritedEnvironment();
  environment.merge(EnvironmentWhere([](std::string_view name) {
    for (const std::string_view wanted :
         {"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY",
          "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK"}) {
      if (name == wanted) return true;
    }
    return false;
  }));
  return environment;
}

Result<Fetcher> Fetcher::Open(Options options) {
  ContentStore content = MESG_TRY(ContentStore::Open(options.content_directory));
  return Fetcher(std::move(options), std::move(content));
}

Result<Fetched> Fetcher::Fetch(const Origin& origin, const Progress& progress,
                               const std::stop_token& stop) const {
  const WorkFolder work(content_.NewIncoming());
  auto fetched = Obtain(origin, work.path(), progress, stop);
  if (!fetched) return Annotate(std::move(fetched).error(), origin.Text());
  return fetched;
}

Result<Fetched> Fetcher::Obtain(const Origin& origin, const fs::path& work,
                                const Progress& progress, const std::stop_token& stop) const {
  switch (origin.kind) {
    case Origin::Kind::kFolder:
      return Keep(origin.location, ContentStore::Take::kCopy, stop);
    case Origin::Kind::kArchive:
      return Unpack(origin.location, work / "tree", progress, stop);
    case Origin::Kind::kArchiveUrl: {
      const fs::path archive = work / "archive.tar.gz";
      MESG_TRY(Ask({.task = HelperRequest::Task::kDownload,
                    .from = origin.location,
                    .into = archive.string()},
                   progress, stop));
      return Unpack(archive, work / "tree", progress, stop);
    }
    case Origin::Kind::kGit: {
      const HelperDone done = MESG_TRY(Ask({.task = HelperRequest::Task::kClone,
                                            .from = origin.location,
                                            .ref = origin.ref,
                                            .into = (work / "tree").string()},
                                           progress, stop));
      Fetched fetched = MESG_TRY(Keep(work / "tree", ContentStore::Take::kMove, stop));
      fetched.commit = done.commit;
      return fetched;
    }
  }
  return Internal("an origin of no kind");
}

Result<Fetched> Fetcher::Unpack(const fs::path& archive, const fs::path& into,
                                const Progress& progress, const std::stop_token& stop) const {
  MESG_TRY(
      Ask({.task = HelperRequest::Task::kUnpack, .from = archive.string(), .into = into.string()},
          progress, stop));
  return Keep(WhereTheDefinitionIs(into), ContentStore::Take::kMove, stop);
}

Result<Fetched> Fetcher::Keep(const fs::path& folder, ContentStore::Take take,
                              const std::stop_token& stop) const {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return NotFound("there is no folder {}", folder.string());
  if (!fs::exists(folder / "mesg.yml", ignored) && !fs::exists(folder / "mesg.yaml", ignored)) {
    return InvalidArgument("there is no mesg.yml in it: it is not a service");
  }
  const std::string hash = MESG_TRY(content_.Add(folder, take, options_.limits, stop));
  return Find(hash);
}

Result<Fetched> Fetcher::Find(const std::string& content_hash) const {
  if (!content_.Has(content_hash)) return NotFound("Core keeps no files of {}", content_hash);
  Fetched fetched{.folder = content_.FolderOf(content_hash),
                  .content_hash = content_hash,
                  .definition_yaml = {},
                  .definition_file = "mesg.yml"};
  std::error_code ignored;
  if (!fs::exists(fetched.folder / "mesg.yml", ignored)) fetched.definition_file = "mesg.yaml";
  const fs::path file = fetched.folder / fetched.definition_file;
  constexpr std::uintmax_t kMaxDefinition = 4 << 20;
  const auto size = fs::file_size(file, ignored);
  if (ignored) return NotFound("there is no mesg.yml in {}", fetched.folder.string());
  if (size > kMaxDefinition) {
    return ResourceExhausted("{} is larger than 4 MiB", fetched.definition_file);
  }
  std::ifstream in(file, std::ios::binary);
  fetched.definition_yaml.assign(std::istreambuf_iterator<char>(in), {});
  return fetched;
}

Result<HelperDone> Fetcher::Ask(HelperRequest request, const Progress& progress,
                                const std::stop_token& stop) const {
  if (!IsUtf8(request.from) || !IsUtf8(request.ref) || !IsUtf8(request.into)) {
    return InvalidArgument("{}: expected UTF-8", QuoteJson(request.from));
  }
  request.limits = options_.limits;
  CommandRequest command;
  command.spawn.argv = {options_.helper_program.string()};
  command.spawn.env = options_.environment;
  command.spawn.directory = "/";
  command.spawn.limits = HelperLimits(options_.limits);
  command.spawn.no_new_privileges = true;
  command.timeout = options_.timeout;
  command.input = Encode(request) + "\n";
  std::optional<HelperMessage> answer;
  std::string garbage;
  std::string complaint;
  command.on_out = [&](std::string_view line) {
    auto message = DecodeHelperMessage(line);
    if (!message) {
      if (garbage.empty()) garbage = message.error().message;
    } else if (const auto* said = std::get_if<HelperProgress>(&*message)) {
      if (progress) progress(said->text);
    } else if (!answer) {
      answer = *std::move(message);
    }
  };
  command.on_err = [&complaint](std::string line) { complaint = "; it said: " + std::move(line); };

  const auto status = RunCommand(command, stop);
  if (!status && status.error().code == Code::kNotFound) {
    return FailedPrecondition(
        "{}, which reads archives and repositories, is missing: install MESG anew",
        options_.helper_program.string());
  }
  if (!status) return status.error();
  if (!garbage.empty()) return Internal("mesg-fetch answered rubbish ({})", garbage);
  if (answer && std::holds_alternative<Error>(*answer)) return std::get<Error>(*answer);
  if (!answer || !status->Succeeded()) {
    return Unavailable("mesg-fetch {} before it was done{}", Describe(*status), complaint);
  }
  return std::get<HelperDone>(*std::move(answer));
}

Result<std::unique_ptr<ArchiveUpload>> Fetcher::Upload() const {
  fs::path work = content_.NewIncoming();
  std::error_code error;
  fs::create_directory(work, error);
  UniqueFd file(
      open((work / "archive.tar.gz").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return Unavailable("cannot write to {}: {}", work.string(), ErrnoText(errno));
  return std::unique_ptr<ArchiveUpload>(new ArchiveUpload(*this, std::move(work), std::move(file)));
}

ArchiveUpload::~ArchiveUpload() {
  std::error_code ignored;
  fs::remove_all(work_, ignored);
}

Result<void> ArchiveUpload::Append(std::string_view bytes) {
  const std::uint64_t limit = fetcher_.options_.limits.max_archive_bytes;
  if (!file_) return FailedPrecondition("the archive was finished already");
  if (bytes.size() > limit - size_) {
    return ResourceExhausted("the archive is larger than {} MiB", limit >> 20);
  }
  size_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t count = write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unavailable("cannot keep the archive: {}", ErrnoText(errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<Fetched> ArchiveUpload::Finish(const Fetcher::Progress& progress,
                                      const std::stop_token& stop) {
  if (!file_) return FailedPrecondition("the archive was finished already");
  file_.Reset();
  auto fetched = fetcher_.Unpack(work_ / "archive.tar.gz", work_ / "tree", progress, stop);
  if (!fetched) return Annotate(std::move(fetched).error(), "the archive");
  return fetched;
}

}  // namespace mesg::runtime
