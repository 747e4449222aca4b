#include "connector/payload.h"

#include <string>

#include <gtest/gtest.h>

namespace mesg::services {
namespace {

std::string Of(std::string_view bytes) {
  sdk::JsonObject event;
  AddPayload(event, bytes);
  return event.Take();
}

TEST(PayloadTest, TextStaysTextAndOtherBytesAreBase64) {
  EXPECT_EQ(Of("a\"ü"), R"({"payload":"a\"ü","base64":false})");
  EXPECT_EQ(Of(""), R"({"payload":"","base64":false})");
  EXPECT_EQ(Of("\xff\xfe"), R"({"payload":"//4=","base64":true})");
}

TEST(PayloadTest, AnInputIsTextOrBytesOrJson) {
  const Input input =
      Input::Read(R"({"text":"//4=","json":{"a":[1,true,null,"ü\n"],"b":{}}})").value();
  EXPECT_EQ(PayloadOf(input["text"], false).value(), "//4=");
  EXPECT_EQ(PayloadOf(input["text"], true).value(), "\xff\xfe");
  EXPECT_EQ(PayloadOf(input["json"], false).value(), R"({"a":[1,true,null,"ü\n"],"b":{}})");
  EXPECT_EQ(PayloadOf(input["none"], false).value(), "");
  EXPECT_EQ(PayloadOf(input["json"], true).error().message,
            "payload: expected base64 with padding");
  EXPECT_EQ(PayloadOf(input["json"]["a"], true).error().message,
            "payload: expected base64 with padding");
}

TEST(PayloadTest, WhatIsTooLongIsCutBetweenCharacters) {
  const std::string text = "x" + [] {
    std::string all;
    for (std::size_t i = 0; i < kMostPayload / 2; ++i) all += "ü";
    return all;
  }();
  const std::string event = Of(text);
  EXPECT_TRUE(event.ends_with("ü\",\"base64\":false,\"cut\":2097153}"));
  EXPECT_TRUE(sdk::IsJson(event));
}

TEST(PayloadTest, WhatNeedsManyEscapesStillFits) {
  const std::string event = Of(std::string(kMostPayload, '\x01'));
  EXPECT_LT(event.size(), 3'000'000U);
  EXPECT_TRUE(event.ends_with("\"base64\":true}"));
}

}  // namespace
}  // namespace mesg::services
