#include "cli/json_text.h"

#include <gtest/gtest.h>

namespace mesg::cli {
namespace {

std::string Compact(std::string_view text) {
  const auto result = CompactJson(text);
  return result ? *result : "refused: " + result.error().message;
}

TEST(JsonTextTest, BlanksGoAndNumbersStayAsTheyWere) {
  EXPECT_EQ(
      Compact(" { \"a\" : [ 1 , 2.50 , 123456789012345678901234567890 ,-0e+1] , \"b\":null}\n"),
      R"({"a":[1,2.50,123456789012345678901234567890,-0e+1],"b":null})");
  EXPECT_EQ(Compact("[]"), "[]");
  EXPECT_EQ(Compact("{}"), "{}");
  EXPECT_EQ(Compact(R"("a\n\u00e9\ud83d\ude00 x")"), R"("a\n\u00e9\ud83d\ude00 x")");
}

TEST(JsonTextTest, PeopleGetItIndented) {
  EXPECT_EQ(*IndentedJson(R"({"a":[1,{}],"b":{"c":true}})"),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": true\n  }\n}");
}

TEST(JsonTextTest, WhatIsNotJsonIsRefusedWithItsPlace) {
  for (const char* text : {"",
                           "{",
                           "[1,]",
                           "{\"a\"}",
                           "{a:1}",
                           "01",
                           "1.",
                           "-",
                           "tru",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"a\tb\"",
                           "1 2",
                           "[1 2]",
                           "{\"a\":1 \"b\":2}",
                           "+1",
                           "\"\xff\""}) {
    EXPECT_FALSE(CompactJson(text)) << text;
    EXPECT_FALSE(IndentedJson(text)) << text;
  }
  EXPECT_EQ(Compact("[1,]"), "refused: not JSON: expected a value at offset 3, got \"]\"");
}

TEST(JsonTextTest, DuplicateKeysAreRefusedHoweverTheyAreWritten) {
  EXPECT_EQ(Compact(R"({"a":1,"\u0061":2})"), "refused: the key \"a\" comes twice");
}

TEST(JsonTextTest, NestingHasALimit) {
  EXPECT_TRUE(CompactJson(std::string(128, '[') + std::string(128, ']')));
  EXPECT_FALSE(CompactJson(std::string(130, '[') + std::string(130, ']')));
  EXPECT_FALSE(CompactJson(std::string(1'000'000, '[')));
}

TEST(JsonTextTest, AnObjectComesApartAndTogetherAgain) {
  const auto members = ParseJsonObject(R"( {"a": {"x": 1}, "b c": "d"} )");
  ASSERT_TRUE(members);
  EXPECT_EQ(*members, (JsonMembers{{"a", R"({"x":1})"}, {"b c", R"("d")"}}));
  EXPECT_EQ(ToJsonObject(*members), R"({"a":{"x":1},"b c":"d"})");
  EXPECT_EQ(ParseJsonObject("{}")->size(), 0U);
  for (const char* text : {"[]", "1", "{\"a\":1} x", "{\"a\":1,\"a\":2}", "{\"a\":}", "{"}) {
    EXPECT_FALSE(ParseJsonObject(text)) << text;
  }
}

TEST(JsonTextTest, NumbersAreJsonsNumbers) {
  for (const char* text : {"0", "-1", "1.5", "2e10", "99999999999999999999"})
    EXPECT_TRUE(IsJsonNumber(text)) << text;
  for (const char* text : {"", "01", "1.", ".5", "0x1", "NaN", "1 ", "1,000"})
    EXPECT_FALSE(IsJsonNumber(text)) << text;
}

}  // namespace
}  // namespace mesg::cli
