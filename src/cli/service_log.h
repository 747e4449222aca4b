#pragma once

#include "cli/context.h"

namespace mesg::cli {

/// One line of a service's log on the output.
void PrintLogLine(const ::mesg::v1::ServiceLogsResponse::Line& line, bool with_time,
                  Context& context);

}  // namespace mesg::cli
