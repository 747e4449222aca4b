#include "cli/command.h"

#include <charconv>

namespace mesg::cli {

std::string Arguments::Get(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? otherwise : found->second.back();
}

std::vector<std::string> Arguments::All(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::int64_t> Arguments::Number(const std::string& name, std::int64_t otherwise) const {
  if (!Has(name)) return otherwise;
  const std::string text = Get(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return WrongUsage(InvalidArgument("{} must be a whole number, got \"{}\"", name, text));
  }
  return value;
}

Result<Duration> Arguments::Time(const std::string& name, Duration otherwise) const {
  if (!Has(name)) return otherwise;
  Result<Duration> parsed = ParseDuration(Get(name));
  if (!parsed) {
    return WrongUsage(InvalidArgument("{} must be a duration like 500ms, 30s or 2h, got \"{}\"",
                                      name, Get(name)));
  }
  return *parsed;
}

std::string_view Option::LongName() const {
  const std::size_t dashes = names.find("--");
  if (dashes == std::string_view::npos) return names;
  const std::string_view name = names.substr(dashes);
  return name.substr(0, name.find(','));
}

const std::vector<Option>& GlobalOptions() {
  static const std::vector<Option> options = {
      {"--endpoint", "ADDRESS",
       "Core's address; else MESG_ENDPOINT, else what config.yml says, else localhost:50052"},
      {"--json", "", "Print JSON: one document, or one line an item when it streams"},
      {"--output", "text|json", "The same as --json when it is json"},
      {"--no-color", "", "No colours on a terminal (NO_COLOR does the same)"},
      {"--no-spinner", "", "No moving progress on a terminal"},
      {"-h,--help", "", "Print this help"},
  };
  return options;
}

const std::vector<CommandGroup>& AllCommands() {
  static const std::vector<CommandGroup> groups = {
      {"Core", CoreCommands()},
      {"Services", ServiceCommands()},
      {"Applications", AppCommands()},
      {"Runs", RunCommands()},
      {"Events", EventCommands()},
      {"Executions", ExecutionCommands()},
      {"Dead letters", DeadLetterCommands()},
      {"Subscriptions", SubscriptionCommands()},
      {"Secrets", SecretCommands()},
      {"Help", HelpCommands()},
  };
  return groups;
}

const Command* FindCommand(std::string_view path) {
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      if (command.path == path) return &command;
    }
  }
  return nullptr;
}

}  // namespace mesg::cli
