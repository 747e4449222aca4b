#include "cli/help.h"

#include <set>

#include <gtest/gtest.h>

#include "cli/parser.h"
#include "cli/terminal_test_support.h"
#include "cli/words_test_support.h"

namespace mesg::cli {
namespace {

TEST(HelpTest, EveryCommandHasASummaryAnExampleAndAFunction) {
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      EXPECT_FALSE(command.summary.empty() || command.summary.ends_with('.')) << command.path;
      EXPECT_NE(command.example.find(fmt::format("mesg {}", command.path)), std::string_view::npos)
          << command.path;
      EXPECT_NE(command.run, nullptr) << command.path;
      for (const Option& option : command.options)
        EXPECT_FALSE(option.help.empty()) << option.names;
    }
  }
}

TEST(HelpTest, EveryExampleIsUnderstood) {
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      for (const std::vector<std::string>& words : ExampleCommands(command)) {
        if (words.front() == "core") continue;  // Core reads its own.
        const auto line = ParseCommandLine(words);
        EXPECT_TRUE(line) << command.path << ": " << line.error().message;
      }
    }
  }
}

TEST(HelpTest, NoTwoCommandsOrOptionsShareAName) {
  std::set<std::string_view> paths;
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      EXPECT_TRUE(paths.insert(command.path).second) << command.path;
      std::set<std::string_view> names;
      for (const Option& option : command.options)
        EXPECT_TRUE(names.insert(option.LongName()).second) << option.names;
    }
  }
}

TEST(HelpTest, TheReferenceHoldsEveryCommandAndOption) {
  const std::string reference = MarkdownReference();
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      const bool there =
          reference.find(fmt::format("### mesg {}\n", command.path)) != std::string::npos;
      EXPECT_EQ(there, !command.hidden) << command.path;
      for (const Option& option : command.options) {
        EXPECT_NE(reference.find(std::string(option.LongName())), std::string::npos)
            << option.names;
      }
    }
  }
  EXPECT_TRUE(reference.starts_with("# Command line reference\n"));
}

TEST(HelpTest, ACommandsHelpShowsUsageArgumentsAndExample) {
  const TestTerminal test;
  const std::string help = HelpOf(*FindCommand("service show"), test.terminal);
  EXPECT_NE(help.find("mesg service show SERVICE [options]"), std::string::npos) << help;
  EXPECT_NE(help.find("-h, --help"), std::string::npos) << help;
  EXPECT_TRUE(help.ends_with("Example\n  mesg service show webhook")) << help;
}

TEST(HelpTest, ACommandsOwnOptionHidesTheGlobalOne) {
  const TestTerminal test;
  const std::string help = HelpOf(*FindCommand("service execute"), test.terminal);
  EXPECT_EQ(help.find("Print JSON: one document"), std::string::npos) << help;
  EXPECT_NE(help.find("-j, --json, --inputs FILE|-"), std::string::npos) << help;
}

}  // namespace
}  // namespace mesg::cli
