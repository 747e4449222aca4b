#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace mesg::cli {

/// What a command line asks for.
struct ParsedLine {
  const Command* command = nullptr;  ///< Null: no command, or only the name of a group of them.
  std::string group;                 ///< Without a command: "service", or "" for `mesg` itself.
  bool help = false;
  bool version = false;
  Arguments arguments;
};

/// Reads the arguments behind the program's name against the table of commands.
///
/// InvalidArgument with a sentence for a person when they are wrong: what is not known (and the
/// nearest that is), what is missing, what came twice.
Result<ParsedLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace mesg::cli
