#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connector/address.h"
#include "connector/environment.h"

namespace mesg::services::mqtt {

struct Config {
  Address address;
  std::string ca_file;
  std::string client_id;
  struct Topic {
    std::string filter;
    int qos = 1;
  };
  std::vector<Topic> topics;
  int keepalive = 60;  ///< Seconds.
};

/// Errors name the variable and show nothing secret.
Result<Config> ReadConfig(const Environment& environment);

}  // namespace mesg::services::mqtt
