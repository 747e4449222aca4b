#include "base/schedule/schedule.h"

#include <string>

#include <gtest/gtest.h>

namespace mesg {
namespace {

// The next times after `after`, as many as asked for, in UTC.
std::string Times(std::string_view text, std::string_view after, int count,
                  std::string_view zone = "UTC") {
  const auto schedule = Schedule::Parse(text, zone);
  if (!schedule) return "error: " + schedule.error().message;
  std::optional<TimePoint> at = *ParseTime(after);
  std::string times;
  for (int i = 0; i < count; ++i) {
    at = schedule->Next(*at);
    if (!at) return times + " never";
    if (!times.empty()) times += ' ';
    times += FormatTime(*at);
  }
  return times;
}

TEST(ScheduleTest, FollowsItsFields) {
  EXPECT_EQ(Times("*/15 * * * *", "2026-11-23T10:07:30Z", 3),
            "2026-11-23T10:15:00Z 2026-11-23T10:30:00Z 2026-11-23T10:45:00Z");
  EXPECT_EQ(Times("0 9 1 * *", "2026-11-23T00:00:00Z", 2),
            "2026-12-01T09:00:00Z 2027-01-01T09:00:00Z");
  EXPECT_EQ(Times("30 8-10/2 * * MON-fri", "2026-11-20T10:30:00Z", 2),
            "2026-11-23T08:30:00Z 2026-11-23T10:30:00Z");
  EXPECT_EQ(Times("0 0 * JAN,jul 0", "2026-11-23T00:00:00Z", 2),
            "2027-01-03T00:00:00Z 2027-01-10T00:00:00Z");
  EXPECT_EQ(Times("0 0 L * *", "2027-01-31T00:00:00Z", 2),
            "2027-02-28T00:00:00Z 2027-03-31T00:00:00Z");
  EXPECT_EQ(Times("10,20 */30 5/20 * * * *", "2026-11-23T00:00:00Z", 1),
            "error: \"10,20 */30 5/20 * * * *\" has 7 fields, expected five: minute, hour, day of "
            "the month, month, day of the week");
  EXPECT_EQ(Times("10,20 30/20 5 * * *", "2026-11-23T00:00:00Z", 3),
            "2026-11-23T05:30:10Z 2026-11-23T05:30:20Z 2026-11-23T05:50:10Z");
  EXPECT_EQ(Times("@weekly", "2026-11-23T00:00:00Z", 1), "2026-11-29T00:00:00Z");
  EXPECT_EQ(Times("0 0 * * 7", "2026-11-23T00:00:00Z", 1), "2026-11-29T00:00:00Z");
  EXPECT_EQ(Times("0 0 29 2 *", "2097-01-01T00:00:00Z", 1), "2104-02-29T00:00:00Z");
}

TEST(ScheduleTest, EitherDayIsEnoughWhenBothAreLimited) {
  EXPECT_EQ(Times("0 0 13 * FRI", "2026-11-10T00:00:00Z", 3),
            "2026-11-13T00:00:00Z 2026-11-20T00:00:00Z 2026-11-27T00:00:00Z");
  EXPECT_EQ(Times("0 0 24 * FRI", "2026-11-21T00:00:00Z", 2),
            "2026-11-24T00:00:00Z 2026-11-27T00:00:00Z");
}

// In Paris clocks go forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC.
TEST(ScheduleTest, ATimeThatIsLeftOutComesAtTheChange) {
  EXPECT_EQ(Times("30 2 * * *", "2026-03-28T00:00:00Z", 3, "Europe/Paris"),
            "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
  EXPECT_EQ(Times("0 3 * * *", "2026-03-28T12:00:00Z", 1, "Europe/Paris"), "2026-03-29T01:00:00Z");
}

TEST(ScheduleTest, ATimeThatComesTwiceCountsOnce) {
  EXPECT_EQ(Times("30 2 * * *", "2026-10-24T12:00:00Z", 2, "Europe/Paris"),
            "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
  EXPECT_EQ(Times("30 2 * * *", "2026-10-25T00:30:00Z", 1, "Europe/Paris"), "2026-10-26T01:30:00Z");
  EXPECT_EQ(Times("30 2 * * *", "2026-10-25T01:10:00Z", 1, "Europe/Paris"), "2026-10-26T01:30:00Z");
}

TEST(ScheduleTest, EveryHourMeansTheHoursThatPass) {
  EXPECT_EQ(Times("0 * * * *", "2026-10-24T23:30:00Z", 4, "Europe/Paris"),
            "2026-10-25T00:00:00Z 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z 2026-10-25T03:00:00Z");
  EXPECT_EQ(Times("30 * * * *", "2026-03-29T00:00:00Z", 3, "Europe/Paris"),
            "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z 2026-03-29T02:30:00Z");
}

TEST(ScheduleTest, ZonesMayBeHalfAnHourOff) {
  EXPECT_EQ(Times("0 9 * * *", "2026-11-23T00:00:00Z", 1, "Asia/Kolkata"), "2026-11-23T03:30:00Z");
}

TEST(ScheduleTest, WhatIsNoScheduleIsRefused) {
  EXPECT_EQ(Times("60 * * * *", "2026-11-23T00:00:00Z", 1),
            "error: minute \"60\": expected *, 0 to 59, a range, steps such as */5, or a list");
  EXPECT_EQ(Times("* * 0 * *", "2026-11-23T00:00:00Z", 1),
            "error: day of the month \"0\": expected *, 1 to 31, a range, steps such as */5, or a "
            "list");
  for (const char* text : {"*/0 * * * *", "5-1 * * * *", "a * * * *", ", * * * *", "1- * * * *",
                           "-1 * * * *", "1/x * * * *", "99999999999 * * * *"}) {
    EXPECT_TRUE(Times(text, "2026-11-23T00:00:00Z", 1).starts_with("error: minute")) << text;
  }
  EXPECT_EQ(
      Times("", "2026-11-23T00:00:00Z", 1),
      "error: \"\" has 0 fields, expected five: minute, hour, day of the month, month, day of "
      "the week");
  EXPECT_EQ(Times("0 0 31 2 *", "2026-11-23T00:00:00Z", 1),
            "error: \"0 0 31 2 *\" never comes: no month has such a day");
  EXPECT_EQ(Times("0 0 * * *", "2026-11-23T00:00:00Z", 1, "Europe/Pariss"),
            "error: \"Europe/Pariss\" is no time zone, did you mean Europe/Paris?");
}

}  // namespace
}  // namespace mesg
