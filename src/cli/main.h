#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace mesg::cli {

/// The whole command line of `mesg`, with this process's streams and environment. Returns the exit
/// status: 0 done, 1 refused or failed, 2 wrong usage.
int Main(int argc, char** argv, CoreCommand core, ValidateDefinition validate,
         ValidateApplication validate_application);

/// The same in a given world; `arguments` are those behind the program's name.
int Run(const std::vector<std::string>& arguments, const Context::World& world);

}  // namespace mesg::cli
