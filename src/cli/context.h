#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/directories.h"
#include "cli/client.h"
#include "cli/terminal.h"

namespace google::protobuf {
class Message;
}

namespace mesg::cli {

/// What `mesg core ...` runs: the daemon's own code parses its flags. Returns the exit status.
using CoreCommand = std::function<int(const std::vector<std::string>& arguments)>;

/// What is to be said of the text of a mesg.yml, by the same code that Core has.
using ValidateDefinition = std::function<v1::ValidateServiceResponse(std::string_view definition)>;

/// What is to be said of an application file and the contracts beside it, in the same way.
using ValidateApplication =
    std::function<v1::ValidateApplicationResponse(const v1::ValidateApplicationRequest& request)>;

/// What a command may use of the world. One per run of the program.
class Context {
 public:
  struct World {
    Terminal& terminal;
    Directories::Environment environment;
    const Clock& clock;
    std::filesystem::path executable;  ///< This program.
    CoreCommand core;
    ValidateDefinition validate;
    ValidateApplication validate_application;
    std::function<std::stop_token()> stop;  ///< See stop() below.
  };

  Context(World world, std::string endpoint, bool json);

  Terminal& terminal() { return world_.terminal; }
  const Directories::Environment& environment() const { return world_.environment; }
  TimePoint Now() const { return world_.clock.Now(); }
  const std::filesystem::path& executable() const { return world_.executable; }
  const CoreCommand& core() const { return world_.core; }
  v1::ValidateServiceResponse Validate(std::string_view definition) const {
    return world_.validate(definition);
  }

  v1::ValidateApplicationResponse Validate(const v1::ValidateApplicationRequest& request) const {
    return world_.validate_application(request);
  }

  /// From the first call on, an interrupt no longer ends the program but requests this stop.
  std::stop_token stop() const { return world_.stop(); }

  /// Machine output is asked for.
  bool json() const { return json_; }

  /// HOST:PORT of Core.
  const std::string& endpoint() const { return client_.endpoint(); }
  Client& client() { return client_; }

  /// One line of JSON on the output.
  void Print(const google::protobuf::Message& message);

  /// `what` on the error stream, when a person reads it and not a machine.
  void Tell(std::string_view what);

 private:
  World world_;
  bool json_;
  Client client_;
};

/// Sleeps until the stop is requested (false) or `time` is over (true).
bool Pause(const std::stop_token& stop, std::chrono::milliseconds time);

/// "FAILED_TO_RUN" as people read it: "failed to run".
std::string Words(std::string_view enum_name);

}  // namespace mesg::cli
