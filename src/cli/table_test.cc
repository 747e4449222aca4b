#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/human.h"
#include "cli/terminal_test_support.h"

namespace mesg::cli {
namespace {

TEST(TableTest, ColumnsAreAligned) {
  Table table({"NAME", "STATE"});
  table.Add({"webhook", "running"});
  table.Add({"é", "stopped"});
  const TestTerminal pipe;
  EXPECT_EQ(table.Render(pipe.terminal), "NAME     STATE\nwebhook  running\né        stopped");
}

TEST(TableTest, ATerminalCutsTheWidestColumns) {
  Table table({"A", "B"});
  table.Add({"short", std::string(100, 'x')});
  const TestTerminal narrow("", {.output_is_terminal = true, .width = 20});
  EXPECT_EQ(table.Render(narrow.terminal), "A      B\nshort  xxxxxxxxxxxx…");
}

TEST(TableTest, APipeGetsFullValuesWithoutColours) {
  Table table({"A", "STATE"});
  table.Paint(1, StateColour);
  table.Add({std::string(300, 'x'), "running"});
  const TestTerminal pipe("", {.colour = true, .width = 80});
  EXPECT_EQ(table.Render(pipe.terminal),
            fmt::format("{:<40}  STATE\n{}  running", "A", std::string(300, 'x')));
}

TEST(TableTest, StatesAreColouredOnATerminal) {
  Table table({"STATE"});
  table.Paint(0, StateColour);
  table.Add({"failed"});
  const TestTerminal colourful("", {.output_is_terminal = true, .colour = true, .width = 80});
  EXPECT_EQ(table.Render(colourful.terminal), "\x1b[1mSTATE\x1b[0m\n\x1b[31mfailed\x1b[0m");
}

TEST(TableTest, DataCannotMoveTheCursor) {
  Table table({"A"});
  table.Add({"a\x1b[2Jb\nc"});
  const TestTerminal pipe;
  EXPECT_EQ(table.Render(pipe.terminal), "A\na [2Jb c");
}

TEST(HumanTest, TimesAreSaidAsPeopleSayThem) {
  const TimePoint now = FromMicros(1'700'000'000'000'000);
  const auto ago = [&](std::int64_t seconds) {
    return HumanTime(ToMicros(now) - seconds * 1'000'000, now);
  };
  EXPECT_EQ(ago(0), "just now");
  EXPECT_EQ(ago(5), "5 seconds ago");
  EXPECT_EQ(ago(60), "1 minute ago");
  EXPECT_EQ(ago(7200), "2 hours ago");
  EXPECT_EQ(ago(86400 * 3), "3 days ago");
  EXPECT_EQ(ago(86400 * 100), "2023-08-06");
  EXPECT_EQ(ago(-120), "in 2 minutes");
  EXPECT_EQ(HumanTime(0, now), "-");
}

TEST(HumanTest, SizesAndCountsAreRounded) {
  EXPECT_EQ(HumanDuration(900), "900 us");
  EXPECT_EQ(HumanDuration(12'000), "12 ms");
  EXPECT_EQ(HumanDuration(1'500'000), "1.5 s");
  EXPECT_EQ(HumanDuration(125'000'000), "2m 5s");
  EXPECT_EQ(HumanDuration(7'500'000'000), "2h 5m");
  EXPECT_EQ(HumanBytes(512), "512 B");
  EXPECT_EQ(HumanBytes(4U << 20), "4 MiB");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
  EXPECT_EQ(HumanCount(999), "999");
}

TEST(HumanTest, ShorteningCountsCharactersNotBytes) {
  EXPECT_EQ(Shorten("ééééé", 5), "ééééé");
  EXPECT_EQ(Shorten("éééééé", 5), "éééé…");
  EXPECT_EQ(Shorten("abc", 1), "…");
  EXPECT_EQ(Shorten("abc", 0), "");
  EXPECT_EQ(ShownWidth("\x1b[31mab\x1b[0m"), 2U);
}

}  // namespace
}  // namespace mesg::cli
