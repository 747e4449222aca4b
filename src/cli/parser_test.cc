#include "cli/parser.h"

#include <gtest/gtest.h>

namespace mesg::cli {
namespace {

std::string Refusal(const std::vector<std::string>& words) {
  const auto line = ParseCommandLine(words);
  return line ? "taken" : line.error().message;
}

TEST(ParserTest, OptionsAndPositionalsAreFoundUnderTheirNames) {
  const auto line = ParseCommandLine(
      {"service", "execute", "shop", "pay", "-d", "a=1", "--data", "b=-2", "--priority", "-1"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command->path, "service execute");
  EXPECT_EQ(line->arguments.Get("SERVICE"), "shop");
  EXPECT_EQ(line->arguments.Get("TASK"), "pay");
  EXPECT_EQ(line->arguments.All("--data"), (std::vector<std::string>{"a=1", "b=-2"}));
  EXPECT_EQ(*line->arguments.Number("--priority", 0), -1);
}

TEST(ParserTest, GlobalOptionsStandAnywhere) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--endpoint", "h:1", "--json", "status"}, {"status", "--json", "--endpoint=h:1"}}) {
    const auto line = ParseCommandLine(words);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->arguments.Get("--endpoint"), "h:1");
    EXPECT_EQ(line->arguments.Get("--output"), "json");
  }
}

TEST(ParserTest, JsonNamesTheInputsOnlyWhereTheCommandSaysSo) {
  const auto inputs =
      ParseCommandLine({"service", "execute", "shop", "--json", "-", "--output", "json"});
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->arguments.Get("--json"), "-");
  EXPECT_EQ(inputs->arguments.Get("--output"), "json");
  const auto machine = ParseCommandLine({"--json", "service", "execute", "shop", "-j", "f.json"});
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->arguments.Get("--json"), "f.json");
  EXPECT_EQ(machine->arguments.Get("--output"), "json");
}

TEST(ParserTest, WhatFollowsTwoDashesIsNotAnOptionOfOurs) {
  const auto line = ParseCommandLine({"start", "--", "--durability", "async"});
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->arguments.All("ARGUMENTS"), (std::vector<std::string>{"--durability", "async"}));
}

TEST(ParserTest, TheNearestCommandIsSuggested) {
  EXPECT_EQ(Refusal({"servce"}), "unknown command \"servce\", did you mean \"service\"?");
  EXPECT_EQ(Refusal({"service", "deplyo"}),
            "unknown command \"service deplyo\", did you mean \"service deploy\"?");
  EXPECT_EQ(Refusal({"xyzzy"}), "unknown command \"xyzzy\": see `mesg --help`");
}

TEST(ParserTest, TheNearestOptionIsSuggested) {
  EXPECT_EQ(Refusal({"logs", "--folow"}), "unknown option \"--folow\", did you mean \"--follow\"?");
  EXPECT_EQ(Refusal({"logs", "--endpont=x"}),
            "unknown option \"--endpont\", did you mean \"--endpoint\"?");
  EXPECT_EQ(Refusal({"logs", "-z"}), "unknown option \"-z\": see `mesg logs --help`");
}

TEST(ParserTest, WhatIsMissingOrTooMuchIsSaid) {
  EXPECT_EQ(Refusal({"service", "show"}), "SERVICE is missing: see `mesg service show --help`");
  EXPECT_EQ(Refusal({"service", "show", "a", "b"}),
            "`mesg service show` takes no argument \"b\": see `mesg service show --help`");
  EXPECT_EQ(Refusal({"logs", "--tail"}), "--tail needs a value: see `mesg logs --help`");
  EXPECT_EQ(Refusal({"logs", "--tail="}), "--tail needs a value: see `mesg logs --help`");
  EXPECT_EQ(Refusal({"--endpoint"}), "--endpoint needs a value: see `mesg --help`");
  EXPECT_EQ(Refusal({"logs", "--tail", "1", "--tail", "2"}),
            "--tail is given more than once: see `mesg logs --help`");
  EXPECT_EQ(Refusal({"logs", "--follow=3"}), "--follow takes no value: see `mesg logs --help`");
}

TEST(ParserTest, HelpNeedsNothingElse) {
  const auto command = ParseCommandLine({"service", "show", "--help"});
  ASSERT_TRUE(command);
  EXPECT_TRUE(command->help);
  EXPECT_EQ(command->command->path, "service show");
  const auto group = ParseCommandLine({"service", "-h"});
  ASSERT_TRUE(group);
  EXPECT_EQ(group->command, nullptr);
  EXPECT_EQ(group->group, "service");
  const auto all = ParseCommandLine({"--help"});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->help);
}

TEST(ParserTest, NumbersAndDurationsAreChecked) {
  Arguments arguments;
  arguments.Add("--n", "12x");
  arguments.Add("--t", "soon");
  EXPECT_EQ(arguments.Number("--n", 0).error().reason, kUsageReason);
  EXPECT_EQ(arguments.Time("--t", Duration{}).error().reason, kUsageReason);
  EXPECT_EQ(*arguments.Number("--none", 7), 7);
}

}  // namespace
}  // namespace mesg::cli
