#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

enum class InstanceState : std::uint8_t {
  kStopped,     ///< Nothing runs, nothing shall.
  kStarting,    ///< It is being installed, or its process is about to exist.
  kRunning,     ///< Its process exists.
  kRestarting,  ///< Its process ended, or is about to; another will be started.
  kFailed,      ///< Given up; Start tries anew.
};
std::string_view Name(InstanceState state);  ///< "stopped", "running"

/// A command that tells whether the process is well, beyond its being alive.
struct HealthSpec {
  std::vector<std::string> command;  ///< argv; run like the service. Status 0 is healthy.
  Duration interval = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(5);
};

/// Variables that a process is given and nobody else is shown.
struct SecretEnvironment {
  Environment env;
  std::vector<std::string>
      values;  ///< What `***` is put in the place of where the process says it.
};

/// What is started, and how.
struct InstanceSpec {
  std::string id;                ///< The instance hash; also the name of its log folder.
  std::string name;              ///< For messages.
  std::filesystem::path folder;  ///< Its files, in the content store.
  std::string content_hash;
  std::vector<std::string> run;  ///< argv; empty for an npm package.
  Environment env;               ///< Beside PATH, HOME and locale, all that the process gets.
  /// More of it, or others in its place, asked for at each start and forgotten with the process.
  /// While it fails nothing is started, and it is asked again after a pause. May be empty.
  std::function<Result<SecretEnvironment>()> secrets = {};
  std::optional<HealthSpec> health;
  Duration grace = std::chrono::seconds(10);  ///< From TERM to KILL.
};

struct InstanceStatus {
  std::string id;
  std::string name;
  InstanceState state = InstanceState::kStopped;
  std::string reason;          ///< Why it is in this state, for a person; may be empty.
  pid_t pid = 0;               ///< Of its first process; 0 when there is none.
  std::uint32_t restarts = 0;  ///< Since it was started on request.
  TimePoint since{};           ///< When it came into this state.
};

}  // namespace mesg::runtime
