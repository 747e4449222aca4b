#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::cli {

class Context;

/// The reason of an error that means the command was called wrongly: exit status 2.
inline constexpr char kUsageReason[] = "WRONG_USAGE";
inline Error WrongUsage(Error error) { return std::move(error).Because(kUsageReason); }

/// What a command line said, by the names the command's row declares.
class Arguments {
 public:
  /// `name` is an option's long name ("--follow") or a positional's ("SERVICE").
  void Add(const std::string& name, std::string value) {
    values_[name].push_back(std::move(value));
  }

  bool Has(const std::string& name) const { return values_.contains(name); }

  /// The last value given, else `otherwise`.
  std::string Get(const std::string& name, const std::string& otherwise = "") const;

  /// Every value given, in order.
  std::vector<std::string> All(const std::string& name) const;

  /// As a whole number; `otherwise` when absent. InvalidArgument names the option.
  Result<std::int64_t> Number(const std::string& name, std::int64_t otherwise) const;

  /// As a duration ("5s"); `otherwise` when absent. InvalidArgument names the option.
  Result<Duration> Time(const std::string& name, Duration otherwise) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

/// A named argument. `names` is "--name" or "-n,--name"; without `value` it is a flag.
struct Option {
  std::string_view names;
  std::string_view value;  ///< How help calls its value: "K=V".
  std::string_view help;
  bool repeatable = false;

  std::string_view LongName() const;
};

struct Positional {
  enum class Count : std::uint8_t { kOne, kOptional, kSome, kAny };
  std::string_view name;
  std::string_view help;
  Count count = Count::kOne;
  bool hidden = false;  ///< In no help: taken only to say why it is refused.
};

/// One row of the table of commands.
struct Command {
  /// Returns the exit status; an Error is printed and becomes 1.
  using Run = Result<int> (*)(const Arguments&, Context&);

  std::string_view path;     ///< "service deploy".
  std::string_view summary;  ///< One line, without a full stop.
  std::string_view details;  ///< Paragraphs for the help; may be empty.
  std::string_view example;  ///< One or more lines, each a command.
  std::vector<Positional> positionals;
  std::vector<Option> options;
  Run run = nullptr;
  bool hidden = false;
};

/// A heading of `mesg --help` with its commands.
struct CommandGroup {
  std::string_view title;
  std::vector<Command> commands;
};

/// Every command there is, in the order help shows them. Made on the first call; any thread.
const std::vector<CommandGroup>& AllCommands();

/// What every command takes besides its own.
const std::vector<Option>& GlobalOptions();

/// The command of that path, or null.
const Command* FindCommand(std::string_view path);

/// Rows of one group: each is a file of commands/.
std::vector<Command> CoreCommands();
std::vector<Command> ServiceCommands();
std::vector<Command> AppCommands();
std::vector<Command> RunCommands();
std::vector<Command> EventCommands();
std::vector<Command> ExecutionCommands();
std::vector<Command> DeadLetterCommands();
std::vector<Command> SubscriptionCommands();
std::vector<Command> SecretCommands();
std::vector<Command> HelpCommands();

}  // namespace mesg::cli
