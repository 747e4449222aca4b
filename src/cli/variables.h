#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/directories.h"
#include "base/result.h"

namespace mesg::cli {

using Variables = std::map<std::string, std::string>;

/// The lines of a .env file: KEY=value, an optional "export", comments, 'literal' and "escaped"
/// values. Nothing is substituted. InvalidArgument names `file` and the line.
Result<Variables> ParseEnvFile(std::string_view text, std::string_view file);

/// Words of --env: "KEY=value", or "KEY" alone, which takes the value from this process's
/// environment so that a secret need not stand on the command line.
Result<Variables> ParseEnvWords(const std::vector<std::string>& words,
                                const Directories::Environment& environment);

/// `value` as one word of a POSIX shell.
std::string ShellQuoted(std::string_view value);

}  // namespace mesg::cli
