#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/program/deferred.h"
#include "base/redactor.h"
#include "base/result.h"
#include "broker/catalog.h"
#include "model/execution.h"

namespace mesg::broker {

/// Puts secrets into the inputs of executions as they are handed out, and knows for as long as each
/// is open which values it was given, so that no answer repeats one.
///
/// Nothing of it is stored: after a crash what an execution was given is taken to be what its
/// secrets are now. Threads: one.
class GivenSecrets {
 public:
  using FindInstance = std::function<InstancePtr(const std::string& instance_hash)>;
  /// Without `secrets` none is set.
  GivenSecrets(app::Deferred::Secrets secrets, FindInstance find)
      : secrets_(std::move(secrets)), find_(std::move(find)) {}

  /// The inputs of an execution with its deferred parts, which fit its task's contract. Errors as
  /// Deferred::Fill; InvalidArgument when they do not fit. None holds a secret.
  Result<std::string> Fill(const Execution& execution);
  /// Finds all that `execution` was given, and what its secrets are now.
  Redactor For(const Execution& execution) const;
  /// It has its result: nothing more is recorded of it.
  void Forget(const ExecutionId& id) { given_.erase(id); }

 private:
  void Remember(const ExecutionId& id, const std::vector<std::string>& values);

  const app::Deferred::Secrets secrets_;
  const FindInstance find_;
  std::unordered_map<ExecutionId, std::vector<std::string>> given_;  // Each value once.
};

}  // namespace mesg::broker
