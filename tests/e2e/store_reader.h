#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "model/execution.h"

namespace mesg::testing {

/// What the store of a Core that has ended holds of executions, by id as text.
struct StoredExecutions {
  std::map<std::string, Execution> open;  ///< Without a result.
  std::map<std::string, Execution> closed;
};

/// Reads a copy of the store below `data`, so that the recovery of the next Core is its own.
Result<StoredExecutions> ReadStoredExecutions(const std::filesystem::path& data);

}  // namespace mesg::testing
