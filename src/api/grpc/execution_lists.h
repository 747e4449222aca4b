#pragma once

#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/executions.pb.h"

/// Pages of executions, and what is done to whole pages. All of it waits for the broker: for the
/// crew's readers only.
namespace mesg::api {

Result<void> ListExecutions(broker::Broker& broker, const v1::ListExecutionsRequest& request,
                            v1::ListExecutionsResponse& response);
Result<void> ListDeadLetters(broker::Broker& broker, const v1::ListDeadLettersRequest& request,
                             v1::ListDeadLettersResponse& response);
/// An id that cannot be retried is an error that says how many others were.
Result<void> RetryDeadLetters(broker::Broker& broker, const v1::DeadLetterSelection& selection,
                              v1::RetryDeadLettersResponse& response);
Result<void> DropDeadLetters(broker::Broker& broker, const v1::DeadLetterSelection& selection,
                             v1::DropDeadLettersResponse& response);

}  // namespace mesg::api
