#include "cli/parser.h"

#include <algorithm>
#include <map>

#include <CLI/CLI.hpp>

#include "base/encoding.h"

namespace mesg::cli {
namespace {

/// CLI11's tree of commands, made from our table, and what it found.
class Tree {
 public:
  Tree() : root_("", "mesg") {
    Prepare(root_);
    root_.add_flag("--version", line_.version, "");
    AddOptions(root_, GlobalOptions());
    for (const CommandGroup& group : AllCommands()) {
      for (const Command& command : group.commands) AddCommand(command);
    }
  }

  Result<ParsedLine> Parse(const std::vector<std::string>& arguments) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      root_.parse(reversed);
    } catch (const CLI::CallForHelp&) {
      line_.help = true;
    } catch (const CLI::RequiredError& error) {
      if (const auto unknown = Unknown()) return *unknown;
      const std::string_view what = error.what();  // "SERVICE is required"
      return InvalidArgument("{} is missing{}", what.substr(0, what.find(' ')), SeeHelp());
    } catch (const CLI::ArgumentMismatch& error) {
      return InvalidArgument("{}{}", Mismatch(error.what()), SeeHelp());
    } catch (const CLI::ParseError& error) {
      return InvalidArgument("{}{}", error.what(), SeeHelp());
    }
    const CLI::App* chosen = Chosen();
    const auto command = commands_.find(chosen);
    if (command != commands_.end()) {
      line_.command = command->second;
    } else if (chosen != &root_) {
      line_.group = chosen->get_name();
    }
    if (!line_.help && !line_.version) {
      if (const auto unknown = Unknown()) return *unknown;
    }
    return std::move(line_);
  }

 private:
  /// "--tail: 1 required N missing", "--tail: At Most 1 required but received 2" and "--follow was
  /// given a disallowed flag override", in our words.
  static std::string Mismatch(std::string_view what) {
    const std::string_view name = what.substr(0, what.find_first_of(": "));
    if (what.find("received") != std::string_view::npos)
      return fmt::format("{} is given more than once", name);
    if (what.find("override") != std::string_view::npos)
      return fmt::format("{}{} takes no value", name.starts_with('-') ? "" : "--", name);
    return fmt::format("{} needs a value", name);
  }

  static void Prepare(CLI::App& app) {
    app.set_help_flag("-h,--help", "");
    app.allow_extras();
    app.fallthrough();
  }

  void AddCommand(const Command& command) {
    CLI::App* parent = &root_;
    std::string_view rest = command.path;
    for (std::size_t space = rest.find(' '); space != std::string_view::npos;
         space = rest.find(' ')) {
      parent = Child(*parent, std::string(rest.substr(0, space)));
      rest.remove_prefix(space + 1);
    }
    CLI::App* app = Child(*parent, std::string(rest));
    commands_[app] = &command;
    AddOptions(*app, command.options);
    for (const Positional& positional : command.positionals) AddPositional(*app, positional);
  }

  CLI::App* Child(CLI::App& parent, const std::string& name) {
    CLI::App*& child = children_[{&parent, name}];
    if (child == nullptr) {
      child = parent.add_subcommand(name, "");
      Prepare(*child);
    }
    return child;
  }

  void AddOptions(CLI::App& app, const std::vector<Option>& options) {
    for (const Option& option : options) {
      const std::string name(option.LongName());
      if (name == "--help") continue;
      const std::string names(option.names);
      if (option.value.empty()) {
        // The flag --json is a word for --output json, so that a command may have a --json of its
        // own.
        const bool json = name == "--json";
        app.add_flag_callback(names,
                              [this, name, json] {
                                line_.arguments.Add(json ? "--output" : name,
                                                    json ? "json" : "true");
                              })
            ->disable_flag_override();
        continue;
      }
      CLI::Option* added = app.add_option(names, [this, name](const CLI::results_t& values) {
        for (const std::string& value : values) line_.arguments.Add(name, value);
        return true;
      });
      added->type_size(1)->expected(1);
      if (option.repeatable) added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }

  void AddPositional(CLI::App& app, const Positional& positional) {
    const std::string name(positional.name);
    CLI::Option* added = app.add_option(name, [this, name](const CLI::results_t& values) {
      for (const std::string& value : values) line_.arguments.Add(name, value);
      return true;
    });
    using Count = Positional::Count;
    const bool many = positional.count == Count::kSome || positional.count == Count::kAny;
    added->type_size(1)->expected(1, many ? CLI::detail::expected_max_vector_size : 1);
    if (many) added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args();
    if (positional.count == Count::kOne || positional.count == Count::kSome) added->required();
  }

  const CLI::App* Chosen() const {
    const CLI::App* chosen = &root_;
    while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
    return chosen;
  }

  /// "service deploy": the command that was recognised, as far as it was.
  std::string Path() const {
    std::string path;
    const CLI::App* chosen = &root_;
    while (!chosen->get_subcommands().empty()) {
      chosen = chosen->get_subcommands().front();
      path += (path.empty() ? "" : " ") + chosen->get_name();
    }
    return path;
  }

  std::string SeeHelp() const {
    const std::string path = Path();
    return fmt::format(": see `mesg {}{}--help`", path, path.empty() ? "" : " ");
  }

  /// The first argument nobody took, as an error with a suggestion.
  std::optional<Error> Unknown() const {
    std::vector<std::string> remaining = root_.remaining(true);
    std::erase(remaining, "--");  // The mark itself; what stands behind it was a positional.
    if (remaining.empty()) return std::nullopt;
    // Without the value of an option, which may be a secret in a wrong place.
    const bool option = remaining.front().size() > 1 && remaining.front().front() == '-';
    const std::string word =
        option ? remaining.front().substr(0, remaining.front().find('=')) : remaining.front();
    const CLI::App* chosen = Chosen();
    std::vector<std::string> known;
    if (option) {
      CollectOptions(*chosen, known);
      if (chosen != &root_) CollectOptions(root_, known);
    } else {
      for (const CLI::App* child : chosen->get_subcommands(nullptr))
        known.push_back(child->get_name());
    }
    if (!option && known.empty()) {
      return InvalidArgument("`mesg {}` takes no argument \"{}\"{}", Path(), word, SeeHelp());
    }
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    const std::string_view nearest = Nearest(word, candidates);
    const std::string path = Path();
    const std::string full = path.empty() || option ? word : path + " " + word;
    return InvalidArgument("unknown {} \"{}\"{}{}", option ? "option" : "command", full,
                           nearest.empty()
                               ? std::string()
                               : fmt::format(", did you mean \"{}\"?", Suggestion(nearest, option)),
                           nearest.empty() ? SeeHelp() : std::string());
  }

  std::string Suggestion(std::string_view nearest, bool option) const {
    const std::string path = Path();
    return option || path.empty() ? std::string(nearest) : fmt::format("{} {}", path, nearest);
  }

  static void CollectOptions(const CLI::App& app, std::vector<std::string>& names) {
    for (const CLI::Option* option : app.get_options(nullptr)) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }

  CLI::App root_;
  std::map<std::pair<const CLI::App*, std::string>, CLI::App*> children_;
  std::map<const CLI::App*, const Command*> commands_;
  ParsedLine line_;
};

/// Of `help service deploy` the words are values, not the command of that name: they go behind --.
std::vector<std::string> WithValuesOfHelpApart(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments.front() != "help") return arguments;
  const auto words =
      std::stable_partition(arguments.begin() + 1, arguments.end(),
                            [](const std::string& word) { return word.starts_with('-'); });
  if (words != arguments.end()) arguments.insert(words, "--");
  return arguments;
}

}  // namespace

Result<ParsedLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  return Tree().Parse(WithValuesOfHelpApart(arguments));
}

}  // namespace mesg::cli
