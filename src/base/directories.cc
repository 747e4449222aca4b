#include "base/directories.h"

#include <cstdlib>

namespace mesg {
namespace {

using Path = std::filesystem::path;

/// The variable as an absolute path; nullopt when it is unset, empty or relative.
std::optional<Path> AbsolutePath(const Directories::Environment& environment,
                                 const std::string& name) {
  const std::optional<std::string> value = environment(name);
  if (!value || value->empty()) return std::nullopt;
  Path path(*value);
  if (!path.is_absolute()) return std::nullopt;
  return path.lexically_normal();
}

Result<Path> XdgFolder(const Directories::Environment& environment, const std::string& variable,
                       const char* below_home) {
  if (auto base = AbsolutePath(environment, variable)) return *base / "mesg";
  if (auto home = AbsolutePath(environment, "HOME")) return *home / below_home / "mesg";
  return FailedPrecondition(
      "neither MESG_HOME, {} nor HOME is set to an absolute path: set MESG_HOME to the folder "
      "where MESG "
      "may keep its files",
      variable);
}

}  // namespace

Result<Directories> Directories::Find(const Environment& environment) {
  Directories found;
  if (const auto home = environment("MESG_HOME"); home && !home->empty()) {
    const Path root = Path(*home).lexically_normal();
    if (!root.is_absolute()) {
      return InvalidArgument("MESG_HOME is \"{}\", it must be an absolute path", *home);
    }
    found.config_file = root / "config.yml";
    found.data = root / "data";
    found.state = root / "state";
    found.runtime = root / "run";
    return found;
  }
  const Path config = MESG_TRY(XdgFolder(environment, "XDG_CONFIG_HOME", ".config"));
  found.config_file = config / "config.yml";
  found.data = MESG_TRY(XdgFolder(environment, "XDG_DATA_HOME", ".local/share"));
  found.state = MESG_TRY(XdgFolder(environment, "XDG_STATE_HOME", ".local/state"));
  const auto runtime = AbsolutePath(environment, "XDG_RUNTIME_DIR");
  found.runtime = runtime ? *runtime / "mesg" : found.state / "run";
  return found;
}

Result<Directories> Directories::Find() { return Find(ProcessEnvironment); }

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace mesg
