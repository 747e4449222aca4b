#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "connector/address.h"
#include "connector/environment.h"

namespace mesg::services::redis {

struct Config {
  Address address;
  int database = 0;
  std::string ca_file;  ///< "" trusts what the system trusts.
  std::vector<std::string> streams;
  std::vector<std::string> channels;          ///< Patterns among them: those with *, ? or [.
  bool from_oldest = false;                   ///< Where a stream begins that was never read.
  std::size_t most_bytes = 64 * 1024 * 1024;  ///< Of one answer.
};

/// Errors name the variable and show nothing secret.
Result<Config> ReadConfig(const Environment& environment);

/// Redis matches other channels with it than the one of that name.
bool IsPattern(const std::string& channel);

}  // namespace mesg::services::redis
