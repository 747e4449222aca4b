#include "app/program/moment.h"

#include <gtest/gtest.h>

namespace mesg::app {
namespace {

/// As RFC 3339, or the error.
std::string Of(std::string_view json) {
  const auto value = Value::Read(json);
  if (!value) return value.error().message;
  const auto moment = MomentOf(*value);
  return moment ? FormatTime(*moment) : moment.error().message;
}
std::string Expected(std::string_view got) {
  return "expected a time as \"2026-07-01T09:30:00Z\" or as seconds since 1970, got " +
         std::string(got);
}

TEST(MomentTest, TextIsReadWithAnyOffset) {
  EXPECT_EQ(Of(R"("2026-07-01T09:30:00Z")"), Of(R"("2026-07-01T11:30:00+02:00")"));
  EXPECT_EQ(Of(R"("2026-07-01T09:30:00Z")"), Of("1782898200"));
}

TEST(MomentTest, NumbersAreSecondsWithFractions) {
  EXPECT_EQ(MomentOf(*Value::Read("1.5"))->time_since_epoch().count(), 1'500'000);
  EXPECT_EQ(MomentOf(*Value::Read("0"))->time_since_epoch().count(), 0);
  EXPECT_EQ(MomentOf(*Value::Read("1e3"))->time_since_epoch().count(), 1'000'000'000);
  EXPECT_TRUE(MomentOf(*Value::Read("253402300799")));
}

TEST(MomentTest, AnythingElseIsRefusedWithWhatItIs) {
  for (const std::string_view json :
       {"null", "true", "[]", "{}", R"("")", R"("tomorrow")", "-1", "253402300800", "1e300"}) {
    EXPECT_EQ(Of(json), Expected(json));
  }
  const std::string large = '"' + std::string(1000, 'x') + '"';
  EXPECT_EQ(Of(large), Expected(large.substr(0, 100)));
}

}  // namespace
}  // namespace mesg::app
