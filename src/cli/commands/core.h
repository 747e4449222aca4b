#pragma once

#include "cli/command.h"

namespace mesg::cli {

/// Rows of the group "Core" that fill files of their own.
Command StartCommand();
Command StopCommand();
Command DevCommand();
Command LogsCommand();
Command DoctorCommand();

}  // namespace mesg::cli
