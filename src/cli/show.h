#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/context.h"
#include "mesg/v1/executions.pb.h"

namespace mesg::cli {

/// How people see the words of the API; shared by the commands that show the same things.

/// "completed", "outcome unknown".
std::string StateName(::mesg::v1::ExecutionState state);
std::string StateName(::mesg::v1::Service::State state);

/// One line an event or a result as it comes, cut to a terminal's width.
void PrintItem(const ::mesg::v1::Item& item, Context& context);

/// A table of executions; JSON is one document with the list and the next page's token.
void PrintExecutions(const google::protobuf::RepeatedPtrField<::mesg::v1::Execution>& executions,
                     Context& context);

/// One execution with everything that is known of it.
void PrintExecution(const ::mesg::v1::Execution& execution, Context& context);

/// "key: value" lines, the keys aligned; empty values are left out.
void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields, Context& context);

/// JSON indented for people on a terminal, compact in a pipe; "" for empty bytes.
std::string ShownJson(const std::string& json, Context& context);

/// An error that does not end the command, with its violations, on the error stream.
void Complain(const Error& error, Context& context);

/// FailedPrecondition when a service that was to run does not: its reason, and where to look.
Result<void> CheckRuns(const ::mesg::v1::Service& service);

}  // namespace mesg::cli
