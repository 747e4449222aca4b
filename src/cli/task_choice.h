#pragma once

#include "cli/command.h"
#include "cli/context.h"

namespace mesg::cli {

/// The task of that key; NotFound with the nearest one.
Result<const ::mesg::v1::TaskDefinition*> FindTask(const ::mesg::v1::Service& service,
                                                   const std::string& key);
Result<const ::mesg::v1::EventDefinition*> FindEvent(const ::mesg::v1::Service& service,
                                                     const std::string& key);

/// What may be said of an execution beside its inputs: --tag, --timeout, --idempotency-key,
/// --attempts,
/// --delay, --priority.
std::vector<Option> ExecutionOptions();
Result<::mesg::v1::CreateExecutionRequest> ExecutionOptionsFrom(const Arguments& arguments,
                                                                Context& context);

}  // namespace mesg::cli
