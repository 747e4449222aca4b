#include "mesg/json.h"

#include <gtest/gtest.h>

namespace mesg::sdk {
namespace {

TEST(JsonObjectTest, WritesWhatWasAdded) {
  EXPECT_EQ(JsonObject()
                .Add("text", "a\"b")
                .Add("number", 200)
                .Add("flag", true)
                .AddRaw("list", "[1]")
                .Take(),
            R"({"text":"a\"b","number":200,"flag":true,"list":[1]})");
  EXPECT_EQ(JsonObject().Take(), "{}");
}

TEST(IsJsonTest, TakesWhatCoreTakes) {
  for (const char* good : {"{}", "[]", "1", "-0.5e+7", "\"x\"", "true", "null", " {\"a\":[1,{}]} ",
                           "[123456789012345678901234567890]", R"({"a":{"a":1}})"}) {
    EXPECT_TRUE(IsJson(good)) << good;
  }
  for (const char* bad :
       {"", "{", "{\"a\":1,\"a\":2}", R"({"a":1,"\u0061":2})", "[1,]", "01", "1.", "nul", "{} {}",
        "\"\xff\"", "{\"a\":[{\"b\":-}]}", "[1 2]", "1 2", "tru"}) {
    EXPECT_FALSE(IsJson(bad)) << bad;
  }
  EXPECT_TRUE(IsJson(std::string(90, '[') + std::string(90, ']')));
  EXPECT_FALSE(IsJson(std::string(200, '[') + std::string(200, ']')));
}

TEST(Base64Test, GoesThereAndBack) {
  EXPECT_EQ(ToBase64("f"), "Zg==");
  EXPECT_EQ(ToBase64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(*FromBase64(ToBase64(bytes)), bytes);
    bytes += static_cast<char>(i);
  }
  for (const char* bad : {"Z", "Zg=", "Zg=a", "=g==", "Z===", "Zg==Zg==", "Z g="}) {
    EXPECT_FALSE(FromBase64(bad)) << bad;
  }
}

}  // namespace
}  // namespace mesg::sdk
