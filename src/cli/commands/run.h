#pragma once

#include "cli/command.h"

namespace mesg::cli {

/// Rows of the group "Runs" that fill files of their own.
Command RunStartCommand();
Command RunRetryCommand();
Command RunResetCommand();
Command RunApproveCommand();
Command RunRejectCommand();

}  // namespace mesg::cli
