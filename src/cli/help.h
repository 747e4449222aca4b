#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/terminal.h"

namespace mesg::cli {

/// `mesg --help`: every command under its heading.
std::string HelpOfAll(const Terminal& terminal);

/// `mesg service --help`: the commands of one group.
std::string HelpOfGroup(std::string_view group, const Terminal& terminal);

/// `mesg service deploy --help`: usage, arguments, options and an example.
std::string HelpOf(const Command& command, const Terminal& terminal);

/// The whole reference as Markdown: what docs/reference/cli.md holds.
std::string MarkdownReference();

}  // namespace mesg::cli
