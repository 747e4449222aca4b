#pragma once

#include <string>

#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/executions.pb.h"

/// Pages of executions. All of it waits for the broker: for the crew's readers only.
namespace mesg::api {

Result<void> ListExecutions(broker::Broker& broker, const v1::ListExecutionsRequest& request,
                            v1::ListExecutionsResponse& response);
Result<void> ListDeadLetters(broker::Broker& broker, const v1::ListDeadLettersRequest& request,
                             v1::ListDeadLettersResponse& response);
/// "" or "*" for any service, "" for any task.
Result<broker::ExecutionPage> ReadDeadLetters(broker::Broker& broker, const std::string& service,
                                              const std::string& task, const v1::Page& page);

}  // namespace mesg::api
