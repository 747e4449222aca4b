#pragma once

#include "cli/command.h"

namespace mesg::cli {

/// Rows of the group "Applications" that fill files of their own.
Command AppValidateCommand();
Command AppRunCommand();
Command AppDevCommand();
Command AppDeployCommand();
Command AppDiffCommand();
Command AppGraphCommand();

}  // namespace mesg::cli
