#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/command.h"
#include "model/data_validator.h"
#include "model/service_definition.h"

namespace mesg::engine {

/// What services say of their tasks, for executions that runs create. Each definition is read once.
///
/// Threads: one.
class Contracts {
 public:
  /// The task, once `inputs` are known to fit it; a reference until the next call. `inputs` null:
  /// they are not looked at. NotFound for a task that is not declared, InvalidArgument for inputs
  /// that do not fit.
  Result<const TaskDefinition*> Check(const Instance& instance, std::string_view task,
                                      const std::string* inputs);

 private:
  struct Contract {
    ServiceDefinition definition;
    std::map<std::string, DataValidator, std::less<>> inputs;
  };
  std::map<std::string, std::unique_ptr<Contract>> contracts_;  // By hash of the definition.
};

}  // namespace mesg::engine
