#include "connector/environment.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::services {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

Environment Of(std::map<std::string, std::string> variables) {
  return Environment([variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

template <typename T>
std::string Said(const Result<T>& result) {
  return result ? "taken" : result.error().message;
}

TEST(EnvironmentTest, WhatIsNotSetIsTheFallback) {
  const Environment nothing = Of({});
  EXPECT_EQ(nothing.Text("A", "a"), "a");
  EXPECT_EQ(nothing.Number("A", 7, 0, 10).value(), 7);
  EXPECT_TRUE(nothing.Flag("A", true).value());
  EXPECT_EQ(nothing.Time("A", seconds(2)).value(), seconds(2));
  EXPECT_EQ(nothing.OneOf("A", "x", {"x", "y"}).value(), "x");
  EXPECT_THAT(nothing.List("A"), ElementsAre());
  EXPECT_EQ(Said(nothing.Required("A")), "A: expected a value, it is not set");
}

TEST(EnvironmentTest, WhatIsSetIsReadByItsType) {
  const Environment some = Of({{"N", "12"}, {"F", "false"}, {"T", "1m30s"}, {"L", " a, b ,,c "}});
  EXPECT_EQ(some.Number("N", 0, 0, 12).value(), 12);
  EXPECT_FALSE(some.Flag("F", true).value());
  EXPECT_EQ(some.Time("T", seconds(1)).value(), seconds(90));
  EXPECT_THAT(some.List("L"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(some.Required("N").value(), "12");
}

TEST(EnvironmentTest, WhatCannotBeReadSaysWhatWasExpected) {
  const Environment bad = Of({{"A", "12x"}});
  EXPECT_EQ(Said(bad.Number("A", 0, 1, 9)), "A: expected a number from 1 to 9, got \"12x\"");
  EXPECT_EQ(Said(Of({{"A", "10"}}).Number("A", 0, 1, 9)),
            "A: expected a number from 1 to 9, got \"10\"");
  EXPECT_EQ(Said(bad.Flag("A", true)), "A: expected true or false, got \"12x\"");
  EXPECT_EQ(Said(bad.Time("A", seconds(1))), "A: expected a duration like 30s, got \"12x\"");
  EXPECT_EQ(Said(bad.OneOf("A", "x", {"x", "y"})), "A: expected one of x, y, got \"12x\"");
}

}  // namespace
}  // namespace mesg::services
