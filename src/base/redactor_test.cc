#include "base/redactor.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace mesg {
namespace {

std::string Text(const std::vector<std::string>& values, std::string_view text) {
  return Redactor(values).Text(text);
}
std::string Json(const std::vector<std::string>& values, std::string_view json) {
  return Redactor(values).Json(json);
}

TEST(Redactor, EveryOccurrenceOfEveryValueIsHidden) {
  EXPECT_EQ(Text({"hunter2", "s3cret"}, "hunter2 and s3cret, hunter2s3cret."),
            "*** and ***, ******.");
  EXPECT_EQ(Text({"hunter2"}, "hunter3 HUNTER2 hunter"), "hunter3 HUNTER2 hunter");
  EXPECT_EQ(Text({"hunter2"}, ""), "");
}

TEST(Redactor, ValuesThatOverlapAreHiddenAsOne) {
  EXPECT_EQ(Text({"abcd", "cdef", "bcde"}, "xabcdefx"), "x***x");
  EXPECT_EQ(Text({"aaaa"}, "baaaaaab"), "b***b");
  EXPECT_EQ(Text({"abcdefgh", "cdef"}, "abcdefg abcdefgh"), "ab***g ***");
  EXPECT_EQ(Text({"abcabd", "bcab"}, "abcabcabd"), "a***") << "found by way of a shorter one";
}

TEST(Redactor, ValuesOfLessThanFourBytesStay) {
  EXPECT_EQ(Text({"abc", ""}, "abc"), "abc");
  EXPECT_TRUE(Redactor({"abc", ""}).empty());
  EXPECT_TRUE(Redactor({}).empty());
  EXPECT_FALSE(Redactor({"abcd"}).empty());
  EXPECT_EQ(Json({"abc"}, R"(["abc"])"), R"(["abc"])");
}

TEST(Redactor, BytesThatAreNoTextAreFoundToo) {
  const std::string value("\xff\0\xfe\x01", 4);
  EXPECT_EQ(Text({value}, "a" + value + "b"), "a***b");
}

TEST(Redactor, AnyEscapedFormOfJsonIsFoundInATextOnceTwiceOrThreeTimesOver) {
  const std::string value = "p\"a\\s/s\n\xC3\xA9\xF0\x9F\x98\x80";
  std::string quoted = QuoteJson(value);
  EXPECT_EQ(Text({value}, quoted), "\"***\"");
  EXPECT_EQ(Text({value}, R"(x p\u0022a\\s\/s\u000a\u00e9\ud83d\uDE00 y)"), "x *** y");
  quoted = QuoteJson("a" + quoted + "b");
  EXPECT_EQ(Text({value}, quoted), R"("a\"***\"b")");
  quoted = QuoteJson(quoted);
  EXPECT_EQ(Text({value}, quoted), R"("\"a\\\"***\\\"b\"")");
}

TEST(Redactor, WhatLooksLikeAnEscapeAndIsNoneHidesNothing) {
  EXPECT_EQ(Text({"C:\\new\\u12"}, "at C:\\new\\u12."), "at ***.");
  EXPECT_EQ(Text({"abcd"}, "\\q \\u12 \\ud83d \\"), "\\q \\u12 \\ud83d \\");
  EXPECT_EQ(Text({"abcd"}, "\\ud83dabcd\\u00"), "\\ud83d***\\u00");
}

TEST(Redactor, Base64IsFoundInBothAlphabetsAndInsideOfMore) {
  const std::string value = "hunter2?>~and\xffmore";
  EXPECT_EQ(Text({value}, "Basic aHVudGVyMj8+fmFuZP9tb3Jl."), "Basic ***.");
  EXPECT_EQ(Text({value}, ToBase64Url(value)), "***");
  // As in `Authorization: Basic`: each place in a group of three makes other characters.
  for (const char* before : {"user:", "use:", "us:"}) {
    const std::string encoded = ToBase64Url(before + value + "!!");
    const std::string redacted = Text({value}, encoded);
    EXPECT_NE(redacted.find("***"), std::string::npos) << encoded;
    EXPECT_LE(redacted.size(), 3 + 12U) << redacted;
  }
  EXPECT_EQ(Text({"abcd"}, "YWJjZA== and YWJjZA"), "***== and ***");
}

TEST(Redactor, JsonStaysJson) {
  EXPECT_EQ(Json({"hunter2"}, R"({"a":"my hunter2!","hunter2":[1,"x"],"n":1.5})"),
            R"({"a":"my ***!","***":[1,"x"],"n":1.5})");
  EXPECT_EQ(Json({"12345"}, R"({"n":123456,"m":-12345e1,"s":"12345"})"),
            R"({"n":"***","m":"***","s":"***"})");
  EXPECT_EQ(Json({"true", "null"}, "[true,false,null]"), R"(["***",false,"***"])");
  EXPECT_EQ(Json({"hunter2"}, R"({ "a" : "x" })"), R"({ "a" : "x" })");
}

TEST(Redactor, AnEscapeInJsonIsNeverCutInTwo) {
  EXPECT_EQ(Json({"line\nend\""}, R"({"a":"a line\nend\" b","b":"line\u000aend\u0022"})"),
            R"({"a":"a *** b","b":"***"})");
  EXPECT_EQ(Json({"abc\\"}, R"(["abc\\n"])"), R"(["***n"])");
  // Bytes of half a character take all of it.
  EXPECT_EQ(Json({"abc\xF0\x9F"}, R"(["abc\ud83d\ude00d"])"), R"(["***d"])");
}

TEST(Redactor, JsonInAStringOfJsonIsLookedInto) {
  EXPECT_EQ(Json({"a\"b\"c"}, R"({"body":"{\"x\":\"a\\\"b\\\"c\"}"})"),
            R"({"body":"{\"x\":\"***\"}"})");
}

TEST(Redactor, AValueThatIsSpreadOverTokensTakesAllOfTheText) {
  EXPECT_EQ(Json({R"({"k":"v"})"}, R"([{"k":"v"}])"), R"("***")");
  EXPECT_EQ(Json({R"({"k":"v"})"}, R"(["{\"k\":\"v\"}"])"), R"(["***"])");
}

TEST(Redactor, TextThatIsNoJsonIsNoHarm) {
  for (const char* json : {"\"open hunter2", "\"open \\", "hunter2", "{\"a\":hunter2", "\\"}) {
    EXPECT_EQ(Json({"hunter2"}, json).find("hunter2"), std::string::npos) << json;
  }
}

// The naive ways to search take the product of both lengths for this.
TEST(Redactor, ManyLongValuesThatAlmostMatchAreNoHarderThanOthers) {
  std::vector<std::string> values;
  for (int i = 0; i < 20; ++i) {
    values.push_back(std::string(20'000, 'a') + static_cast<char>('b' + i));
  }
  const Redactor redactor(values);
  const std::string text(2'000'000, 'a');
  EXPECT_EQ(redactor.Text(text), text);
  EXPECT_EQ(redactor.Json("\"" + text + "b\""), "\"" + text.substr(20'000) + "***\"");
}

}  // namespace
}  // namespace mesg
