#include "base/clock.h"

#include <gtest/gtest.h>

namespace mesg {
namespace {

TEST(ClockTest, TimesSurviveTextAndBack) {
  for (const auto* text :
       {"2024-05-01T10:00:00Z", "1999-12-31T23:59:59.000001Z", "2024-02-29T00:00:00.120000Z"}) {
    EXPECT_EQ(FormatTime(*ParseTime(text)), text);
  }
  EXPECT_EQ(FormatTime(*ParseTime("2024-05-01T10:00:00+02:00")), "2024-05-01T08:00:00Z");
  EXPECT_EQ(FormatTime(*ParseTime("2024-05-01T10:00:00.123456789-01:30")),
            "2024-05-01T11:30:00.123456Z");
}

TEST(ClockTest, WhatIsNotATimeIsRefused) {
  for (const auto* text : {"", "yesterday", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z",
                           "2024-05-01T25:00:00Z", "2024-05-01T10:00:00", "2024-05-01T10:00:00.Z",
                           "2024-05-01T10:00:00Zjunk", "-024-05-01T10:00:00Z"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

TEST(ClockTest, DurationsSurviveTextAndBack) {
  for (const auto* text : {"100ms", "5s", "10m", "2d", "1m30s", "1d2h3m4s5ms6us"}) {
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  }
  EXPECT_EQ(*ParseDuration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(FormatDuration(Duration(0)), "0s");
}

TEST(ClockTest, WhatIsNotADurationIsRefused) {
  for (const auto* text :
       {"", "5", "s", "-5s", "5 s", "5parsecs", "1.5s", "99999999999s", "4000000000d"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

}  // namespace
}  // namespace mesg
