#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace mesg {

/// Where one Core keeps its things. The command line and the daemon agree on it by asking here;
/// nothing is created.
struct Directories {
  /// The value of an environment variable; nullopt when it is not set.
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;

  std::filesystem::path config_file;  ///< config.yml; it need not exist.
  std::filesystem::path data;         ///< What must survive: the store, the services' content.
  std::filesystem::path state;        ///< What may be lost: core.log, core.pid, the services' logs.
  std::filesystem::path runtime;      ///< Sockets of one run.

  /// MESG_HOME moves them all ($MESG_HOME/config.yml, data, state, run). Without it the XDG base
  /// directories count, each with a folder "mesg" inside; XDG's rule that a relative path is
  /// ignored holds. Without XDG_RUNTIME_DIR the runtime directory is "run" inside the state
  /// directory.
  ///
  /// InvalidArgument when MESG_HOME is relative; FailedPrecondition when neither MESG_HOME nor HOME
  /// says where the user lives and an XDG variable is missing.
  static Result<Directories> Find(const Environment& environment);

  /// The same from this process's environment.
  static Result<Directories> Find();

  std::filesystem::path LogFile() const { return state / "core.log"; }
  std::filesystem::path PidFile() const { return state / "core.pid"; }
};

/// An Environment that reads this process's. Not while another thread calls setenv.
std::optional<std::string> ProcessEnvironment(const std::string& name);

}  // namespace mesg
