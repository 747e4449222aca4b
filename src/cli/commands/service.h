#pragma once

#include "cli/command.h"

namespace mesg::cli {

/// Rows of the group "Services" that fill files of their own.
Command ServiceInitCommand();
Command ServiceValidateCommand();
Command ServiceDeployCommand();
Command ServiceDevCommand();
Command ServiceExecuteCommand();
Command ServiceDocsCommand();
Command ServiceLogsCommand();

}  // namespace mesg::cli
