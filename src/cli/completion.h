#pragma once

#include <string>

#include "base/result.h"

namespace mesg::cli {

/// The script that completes `mesg` in bash, zsh or fish, made from the table of commands.
/// InvalidArgument for another shell.
Result<std::string> CompletionScript(const std::string& shell);

}  // namespace mesg::cli
