#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "link/connection.h"
#include "link/executor.h"
#include "link/listener_core.h"
#include "mesg/application.h"

namespace mesg::sdk::internal {

/// What is behind Application: one connection, its executor, and the calls that are made one by
/// one.
class ApplicationCore {
 public:
  explicit ApplicationCore(ApplicationOptions options);

  const ApplicationOptions& options() const { return options_; }
  Executor& executor() { return executor_; }

  Result<ExecutionResult> Wait(const std::string& id, std::chrono::milliseconds timeout);
  Result<Execution> Get(const std::string& id);
  Result<Execution> Cancel(const std::string& id, std::string reason);
  Result<std::unique_ptr<ListenerCore>> Listen(v1::ListenRequest::Open open, const ListenFrom& from,
                                               ListenerCore::Handle handle);
  Result<void> DeleteSubscription(std::string name);

 private:
  const ApplicationOptions options_;
  Connection connection_;
  const std::unique_ptr<v1::Executions::Stub> executions_;
  const std::unique_ptr<v1::Events::Stub> events_;
  Executor executor_;
};

}  // namespace mesg::sdk::internal
