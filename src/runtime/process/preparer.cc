#include "runtime/process/preparer.h"

#include <cerrno>
#include <deque>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/command.h"
#include "runtime/process/npm.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = ".unfinished-";

std::optional<std::string> ReadIfThere(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Files of the content store are read-only; those of the copy are the service's own.
Result<void> CopyTree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to, error);
  fs::recursive_directory_iterator walk(from, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const fs::path target = to / walk->path().lexically_relative(from);
    if (walk->is_directory(error)) {
      fs::create_directory(target, error);
    } else {
      fs::copy_file(walk->path(), target, error);
      if (!error) {
        fs::permissions(target, fs::perms::owner_write, fs::perm_options::add, error);
      }
    }
    if (error) break;
  }
  if (error)
    return Unavailable("cannot copy {} to {}: {}", from.string(), to.string(), error.message());
  return {};
}

Error NothingToStart(const fs::path& folder) {
  std::error_code ignored;
  const bool container = fs::exists(folder / "Dockerfile", ignored);
  return FailedPrecondition(
      "the service has nothing to start: add `run: [PROGRAM, ARGUMENT, ...]` to its mesg.yml, or a "
      "\"start\" script to its package.json; or start its process yourself{}",
      container ? " (its Dockerfile is not used: containers are not supported yet)" : "");
}

/// How the npm package in `folder` is installed and started; nothing when it is not one.
Result<std::optional<NpmPlan>> ReadPlan(const fs::path& folder) {
  const auto package = ReadIfThere(folder / "package.json");
  if (!package) return std::optional<NpmPlan>();
  auto lock = ReadIfThere(folder / "npm-shrinkwrap.json");
  if (!lock) lock = ReadIfThere(folder / "package-lock.json");
  NpmPlan plan = MESG_TRY(PlanNpm(*package, lock));
  std::error_code ignored;
  if (fs::exists(folder / "node_modules", ignored)) plan.install.clear();
  // As `npm start` and `node .` do.
  for (const char* usual : {"server.js", "index.js"}) {
    if (plan.start.empty() && fs::exists(folder / usual, ignored)) plan.start = {"node", usual};
  }
  return std::optional(std::move(plan));
}

}  // namespace

bool HasSomethingToStart(const fs::path& folder, const std::vector<std::string>& run) {
  if (!run.empty()) return true;
  const auto plan = ReadPlan(folder);
  // A package.json that cannot be read shall be complained about when it is started.
  return !plan || (*plan && !(*plan)->start.empty());
}

Preparer::Preparer(Options options) : options_(std::move(options)) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.directory, ignored)) {
    if (entry.path().filename().string().starts_with(kUnfinished)) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

Result<Prepared> Preparer::Prepare(const PrepareRequest& request, const Progress& progress,
                                   const std::stop_token& stop) const {
  if (request.content_hash.empty() || request.content_hash.find('/') != std::string::npos) {
    return InvalidArgument("content hash \"{}\": expected base58 text", request.content_hash);
  }
  const auto plan = MESG_TRY(ReadPlan(request.folder));
  Prepared prepared{options_.directory / request.content_hash, request.run};
  if (prepared.argv.empty() && plan) prepared.argv = plan->start;
  if (prepared.argv.empty()) return NothingToStart(request.folder);

  const std::scoped_lock lock(one_at_a_time_);
  std::error_code error;
  if (fs::exists(prepared.folder, error)) return prepared;
  if (stop.stop_requested()) return Cancelled("the preparation was stopped");

  const fs::path copy = options_.directory / (std::string(kUnfinished) + ToHex(RandomBytes(8)));
  const auto make = [&]() -> Result<void> {
    MESG_TRY(CopyTree(request.folder, copy));
    if (!plan || plan->install.empty()) return {};
    if (plan->package_json) {
      std::ofstream out(copy / "package.json", std::ios::binary | std::ios::trunc);
      out << *plan->package_json;
      out.close();
      if (!out) return Unavailable("cannot write {}", (copy / "package.json").string());
    }
    return Install(copy, plan->install, progress, stop);
  };
  auto made = make();
  if (made) {
    // What has its final name must be whole after a power loss too.
    const UniqueFd folder(open(copy.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || syncfs(folder.get()) != 0) {
      made = Unavailable("cannot write {} to disk: {}", copy.string(), ErrnoText(errno));
    }
  }
  if (made) {
    fs::rename(copy, prepared.folder, error);
    if (error) made = Unavailable("cannot keep {}: {}", prepared.folder.string(), error.message());
  }
  if (!made) {
    fs::remove_all(copy, error);
    return std::move(made).error();
  }
  return prepared;
}

Result<void> Preparer::Install(const fs::path& copy, const std::vector<std::string>& arguments,
                               const Progress& progress, const std::stop_token& stop) const {
  CommandRequest command{
      .timeout = options_.install_timeout, .records = options_.records, .record_name = "npm"};
  command.spawn.argv = {"npm"};
  command.spawn.argv.insert(command.spawn.argv.end(), arguments.begin(), arguments.end());
  command.spawn.env = options_.environment;
  command.spawn.env.merge(EnvironmentWhere([](std::string_view name) {
    return name.starts_with("npm_config_") || name.starts_with("NPM_CONFIG_");
  }));
  command.spawn.directory = copy;

  constexpr std::size_t kShown = 12;
  std::deque<std::string> last;
  const auto line = [&](std::string text) {
    if (progress) progress(text);
    last.push_back(std::move(text));
    if (last.size() > kShown) last.pop_front();
  };
  command.on_out = line;
  command.on_err = line;
  const auto status = RunCommand(command, stop);
  if (!status && status.error().code == Code::kNotFound) {
    return NotFound(
        "npm is needed to install what the service depends on, but it is not in PATH: "
        "install Node.js and npm");
  }
  if (!status) return Annotate(status.error(), "installing npm packages");
  if (status->Succeeded()) return {};
  std::string said;
  for (const std::string& text : last) said += "\n  " + text;
  return FailedPrecondition("npm {} {}:{}", arguments.front(), Describe(*status), said);
}

std::optional<fs::path> Preparer::Find(const std::string& content_hash) const {
  std::error_code ignored;
  fs::path folder = options_.directory / content_hash;
  if (content_hash.empty() || !fs::is_directory(folder, ignored)) return std::nullopt;
  return folder;
}

void Preparer::Remove(const std::string& content_hash) const {
  const std::scoped_lock lock(one_at_a_time_);
  std::error_code ignored;
  if (!content_hash.empty()) fs::remove_all(options_.directory / content_hash, ignored);
}

}  // namespace mesg::runtime
