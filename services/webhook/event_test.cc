#include "webhook/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "webhook/config.h"
#include "webhook/signature.h"

namespace mesg::services::webhook {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(WriteEventTest, HoldsTheWholeRequest) {
  const Incoming incoming{.id = "i",
                          .method = "POST",
                          .target = "/a/b?x=1&y=a%20b+c&x=2&z",
                          .headers = {{"Content-Type", "application/json"}, {"A", "1"}, {"a", "2"}},
                          .body = R"({"n":12345678901234567890})",
                          .remote = "127.0.0.1"};
  EXPECT_EQ(WriteEvent(incoming, true),
            R"({"id":"i","method":"POST","path":"/a/b",)"
            R"("query":{"x":["1","2"],"y":"a b c","z":""},)"
            R"("headers":{"content-type":"application/json","a":"1, 2"},)"
            R"("body":"{\"n\":12345678901234567890}","base64":false,)"
            R"("json":{"n":12345678901234567890},"remote":"127.0.0.1","held":true})");
}

TEST(WriteEventTest, BytesAndBrokenTextAreStillGoodJson) {
  Incoming incoming;
  incoming.target = "/\xff?\xff=%FF&%FE=1&a=%zz";
  incoming.headers = {{"X", "\xff"}, {"content-type", "text/json"}};
  incoming.body = std::string("\xff\x00", 2);
  const std::string event = WriteEvent(incoming, false);
  EXPECT_THAT(event, HasSubstr(R"("body":"/wA=","base64":true)"));
  EXPECT_THAT(event, HasSubstr(R"("a":"%zz")"));
  incoming.body = R"({"a":1,"a":2})";  // Core would refuse it.
  EXPECT_THAT(WriteEvent(incoming, false), Not(HasSubstr(R"("json":)")));
}

std::string WhyNot(std::string_view inputs) {
  const auto reply = ReadReply(inputs);
  return reply ? "accepted" : reply.error().message;
}

TEST(ReadReplyTest, BodyIsTextOrJsonOrBytes) {
  const auto plain = ReadReply(R"({"request_id":"i"})");
  EXPECT_EQ(plain->status, 200);
  EXPECT_EQ(plain->body, "");
  const auto json =
      ReadReply(R"({"request_id":"i","status":201,"body":{"a":1},"headers":{"X":"y"}})");
  EXPECT_EQ(json->status, 201);
  EXPECT_EQ(json->body, R"({"a":1})");
  EXPECT_THAT(json->headers, ElementsAre(Pair("X", "y"), Pair("Content-Type", "application/json")));
  EXPECT_EQ(ReadReply(R"({"request_id":"i","body":"AP8=","base64":true})")->body,
            std::string("\0\xff", 2));
}

TEST(ReadReplyTest, WhatCannotBeSentIsNamed) {
  EXPECT_THAT(WhyNot("{}"), HasSubstr("request_id"));
  EXPECT_THAT(WhyNot("3"), HasSubstr("not a JSON object"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","status":99})"), HasSubstr("status"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":{"a":"b\n"}})"), HasSubstr("headers.a"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":{"a:":"b"}})"), HasSubstr("headers: a:"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":{"Content-Length":"3"}})"),
              HasSubstr("server"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":{"a":1}})"), HasSubstr("expected text"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":1})"), HasSubstr("expected an object"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","body":"x","base64":true})"), HasSubstr("base64"));
  EXPECT_THAT(WhyNot(R"({"request_id":"i","headers":{"a":")" + std::string(9'000, 'x') + "\"}}"),
              HasSubstr("longer than"));
}

// The first is RFC 4231, test case 2.
TEST(VerifySignatureTest, TakesHexAndBase64WithAndWithoutPrefix) {
  const std::string_view hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const auto verify = [](std::string_view signature) {
    return VerifySignature("sha256", "Jefe", "what do ya want for nothing?", signature);
  };
  EXPECT_TRUE(verify(hex));
  EXPECT_TRUE(verify("sha256=" + std::string(hex)));
  EXPECT_TRUE(verify("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="));
  EXPECT_FALSE(verify(""));
  EXPECT_FALSE(verify("sha256="));
  EXPECT_FALSE(verify("6" + std::string(hex.substr(1))));
  EXPECT_TRUE(VerifySignature("sha1", "Jefe", "what do ya want for nothing?",
                              "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
}

TEST(ConfigTest, NamesTheVariableThatIsWrong) {
  const auto why = [](const char* name, const char* value) {
    const auto config = ReadConfig(
        [&](const char* asked) { return std::string(asked) == name ? value : std::string(); });
    return config ? "accepted" : config.error().message;
  };
  EXPECT_EQ(why("PORT", "0"), "accepted");
  EXPECT_THAT(why("PORT", "65536"), HasSubstr("PORT"));
  EXPECT_THAT(why("PORT", "80x"), HasSubstr("PORT"));
  EXPECT_THAT(why("HOLD", "yes"), HasSubstr("HOLD"));
  EXPECT_THAT(why("ALGORITHM", "md5"), HasSubstr("ALGORITHM"));
  EXPECT_THAT(why("READ_TIMEOUT", "soon"), HasSubstr("READ_TIMEOUT"));
  EXPECT_THAT(why("HOLD_TIMEOUT", "0s"), HasSubstr("HOLD_TIMEOUT"));
  EXPECT_THAT(why("MAX_BODY", "99999999999"), HasSubstr("MAX_BODY"));
}

}  // namespace
}  // namespace mesg::services::webhook
