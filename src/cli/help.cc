#include "cli/help.h"

#include <algorithm>

namespace mesg::cli {
namespace {

constexpr std::string_view kIntroduction =
    "MESG connects technologies through events and tasks. Core is the daemon; services connect to "
    "it.";

constexpr std::string_view kExitStatus =
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage. Data goes to the output, all else to "
    "the "
    "error stream.";

std::string Usage(const Command& command) {
  std::string usage = fmt::format("mesg {}", command.path);
  for (const Positional& positional : command.positionals) {
    if (positional.hidden) continue;
    switch (positional.count) {
      case Positional::Count::kOne:
        usage += fmt::format(" {}", positional.name);
        break;
      case Positional::Count::kOptional:
        usage += fmt::format(" [{}]", positional.name);
        break;
      case Positional::Count::kSome:
        usage += fmt::format(" {}...", positional.name);
        break;
      case Positional::Count::kAny:
        usage += fmt::format(" [{}...]", positional.name);
        break;
    }
  }
  return usage + " [options]";
}

std::string Names(const Option& option) {
  std::string names = option.names.starts_with("--") ? "    " : "";
  for (const char c : option.names) names += c == ',' ? std::string(", ") : std::string(1, c);
  return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

/// The command's own and the global ones; a name of its own hides a global one.
std::vector<Option> OptionsOf(const Command& command) {
  std::vector<Option> options = command.options;
  for (const Option& global : GlobalOptions()) {
    const bool hidden = std::ranges::any_of(
        command.options, [&](const Option& own) { return own.LongName() == global.LongName(); });
    if (!hidden) options.push_back(global);
  }
  return options;
}

struct Row {
  std::string left;
  std::string right;
};

std::string Columns(const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.left.size());
  std::string text;
  for (const Row& row : rows) text += fmt::format("  {:<{}}  {}\n", row.left, width, row.right);
  return text;
}

std::string Indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += fmt::format("  {}\n", text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

/// Parts below a command: "service" of "service deploy".
std::string_view GroupOf(std::string_view path) {
  const std::size_t space = path.find(' ');
  return space == std::string_view::npos ? std::string_view() : path.substr(0, space);
}

std::string MarkdownCell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string MarkdownOptions(const std::vector<Option>& options) {
  std::string out = "| Option | Meaning |\n|---|---|\n";
  for (const Option& option : options) {
    std::string names = Names(option);
    names.erase(0, names.find_first_not_of(' '));
    out += fmt::format("| `{}` | {}{} |\n", MarkdownCell(names), MarkdownCell(option.help),
                       option.repeatable ? " (repeatable)" : "");
  }
  return out;
}

std::string MarkdownOf(const Command& command) {
  std::string out = fmt::format("### mesg {}\n\n{}.\n\n```\n{}\n```\n\n", command.path,
                                command.summary, Usage(command));
  if (!command.details.empty()) out += fmt::format("{}\n\n", command.details);
  if (!command.positionals.empty()) {
    out += "| Argument | Meaning |\n|---|---|\n";
    for (const Positional& positional : command.positionals) {
      if (positional.hidden) continue;
      out += fmt::format("| `{}` | {} |\n", positional.name, MarkdownCell(positional.help));
    }
    out += "\n";
  }
  if (!command.options.empty()) out += MarkdownOptions(command.options) + "\n";
  out += fmt::format("For example:\n\n```sh\n{}\n```\n\n", command.example);
  return out;
}

}  // namespace

std::string HelpOfAll(const Terminal& terminal) {
  std::string text = fmt::format("{}\n\n{}\n  mesg COMMAND [options]\n", kIntroduction,
                                 terminal.ForOutput(Style::kBold, "Usage"));
  for (const CommandGroup& group : AllCommands()) {
    std::vector<Row> rows;
    for (const Command& command : group.commands) {
      if (!command.hidden)
        rows.push_back({std::string(command.path), std::string(command.summary)});
    }
    text += fmt::format("\n{}\n{}", terminal.ForOutput(Style::kBold, group.title), Columns(rows));
  }
  std::vector<Row> options;
  for (const Option& option : GlobalOptions()) {
    options.push_back({Names(option), std::string(option.help)});
  }
  text += fmt::format("\n{}\n{}", terminal.ForOutput(Style::kBold, "Every command takes"),
                      Columns(options));
  text += fmt::format("\n{}\nSee `mesg COMMAND --help` for an example of each.", kExitStatus);
  return text;
}

std::string HelpOfGroup(std::string_view group, const Terminal& terminal) {
  std::vector<Row> rows;
  for (const CommandGroup& each : AllCommands()) {
    for (const Command& command : each.commands) {
      if (GroupOf(command.path) == group && !command.hidden) {
        rows.push_back({std::string(command.path), std::string(command.summary)});
      }
    }
  }
  return fmt::format("{}\n  mesg {} COMMAND [options]\n\n{}\n{}\nSee `mesg {} COMMAND --help`.",
                     terminal.ForOutput(Style::kBold, "Usage"), group,
                     terminal.ForOutput(Style::kBold, "Commands"), Columns(rows), group);
}

std::string HelpOf(const Command& command, const Terminal& terminal) {
  std::string text = fmt::format("{}.\n\n{}\n  {}\n", command.summary,
                                 terminal.ForOutput(Style::kBold, "Usage"), Usage(command));
  if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
  if (!command.positionals.empty()) {
    std::vector<Row> rows;
    for (const Positional& positional : command.positionals) {
      if (positional.hidden) continue;
      rows.push_back({std::string(positional.name), std::string(positional.help)});
    }
    text += fmt::format("\n{}\n{}", terminal.ForOutput(Style::kBold, "Arguments"), Columns(rows));
  }
  std::vector<Row> rows;
  for (const Option& option : OptionsOf(command)) {
    rows.push_back({Names(option),
                    fmt::format("{}{}", option.help, option.repeatable ? " (repeatable)" : "")});
  }
  text += fmt::format("\n{}\n{}", terminal.ForOutput(Style::kBold, "Options"), Columns(rows));
  text += fmt::format("\n{}\n{}", terminal.ForOutput(Style::kBold, "Example"),
                      Indented(command.example));
  text.pop_back();
  return text;
}

std::string MarkdownReference() {
  std::string text = fmt::format(
      "# Command line reference\n\nMade by `mesg help --markdown`; do not edit it.\n\n{}\n\n{}\n\n"
      "Every command takes:\n\n{}\n",
      kIntroduction, kExitStatus, MarkdownOptions(GlobalOptions()));
  for (const CommandGroup& group : AllCommands()) {
    text += fmt::format("## {}\n\n", group.title);
    for (const Command& command : group.commands) {
      if (!command.hidden) text += MarkdownOf(command);
    }
  }
  text.pop_back();
  text.pop_back();
  return text;
}

}  // namespace mesg::cli
