#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connector/environment.h"

namespace mesg::services::nats {

struct Config {
  std::vector<std::string> urls;
  std::string place;  ///< The servers' hosts and ports, for messages.
  std::string user;
  std::string password;
  std::string token;
  std::string creds_file;
  std::string ca_file;
  std::vector<std::string> subjects;
  struct Stream {
    std::string name;
    std::string filter;  ///< "" is all of it.
  };
  std::vector<Stream> streams;
  bool from_oldest = false;  ///< Where a stream begins that was never read.
};

/// Errors name the variable and show nothing secret.
Result<Config> ReadConfig(const Environment& environment);

/// InvalidArgument, naming `what`, when NATS could not take `subject`: empty parts, spaces, and
/// unless `wildcards` is true, * and >.
Result<void> CheckSubject(std::string_view what, std::string_view subject, bool wildcards);

}  // namespace mesg::services::nats
