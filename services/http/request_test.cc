#include "http/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::services::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string WhyNot(std::string_view inputs) {
  const auto request = ReadInputs(inputs, "e1");
  return request ? "accepted" : request.error().message;
}

TEST(ReadInputsTest, UrlAloneIsAGet) {
  const auto request = ReadInputs(R"({"url":"http://a/b?c=d#fragment"})", "e1");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url, "http://a/b?c=d");
  EXPECT_FALSE(request->has_body);
  EXPECT_TRUE(request->headers.empty());
}

TEST(ReadInputsTest, QueryIsEscapedAndAdded) {
  EXPECT_EQ(
      ReadInputs(R"({"url":"http://a/?x=1","query":{"q":"a b&ü","n":7,"l":[1,true],"z":null}})",
                 "e1")
          ->url,
      "http://a/?x=1&q=a%20b%26%C3%BC&n=7&l=1&l=true");
  EXPECT_EQ(ReadInputs(R"({"query":{"n":12345678901234567890},"url":"http://a"})", "e1")->url,
            "http://a?n=12345678901234567890");
}

TEST(ReadInputsTest, BodyIsTextOrJsonOrBytes) {
  const auto text = ReadInputs(R"({"url":"http://a","body":"plain"})", "e1");
  EXPECT_EQ(text->method, "POST");
  EXPECT_EQ(text->body, "plain");
  EXPECT_THAT(text->headers, ElementsAre(Pair("Idempotency-Key", "e1")));
  const auto json = ReadInputs(R"({"url":"http://a","method":"PUT","body":{"a": [1, 2]} })", "e1");
  EXPECT_EQ(json->body, R"({"a": [1, 2]})");
  EXPECT_THAT(json->headers,
              ElementsAre(Pair("Content-Type", "application/json"), Pair("Idempotency-Key", "e1")));
  EXPECT_EQ(ReadInputs(R"({"url":"http://a","body":"AP8=","base64":true})", "e1")->body,
            std::string("\0\xff", 2));
}

TEST(ReadInputsTest, GivenHeadersWin) {
  const auto request = ReadInputs(
      R"({"url":"http://a","body":1,"headers":{"content-type":"x/y","IDEMPOTENCY-KEY":"mine"}})",
      "e1");
  EXPECT_THAT(request->headers,
              ElementsAre(Pair("content-type", "x/y"), Pair("IDEMPOTENCY-KEY", "mine")));
}

TEST(ReadInputsTest, WhatCannotWorkIsNamed) {
  EXPECT_THAT(WhyNot("{}"), HasSubstr("url: expected http"));
  EXPECT_THAT(WhyNot(R"({"url":"file:///etc/passwd"})"), HasSubstr("url: expected http"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a b"})"), HasSubstr("url: holds a space"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","method":"GET /\r\n"})"), HasSubstr("method"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","headers":{"a":"b\r\nHost: c"}})"),
              HasSubstr("headers.a"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","headers":{"a b":"c"}})"), HasSubstr("headers: a b"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","headers":{"a":{}}})"), HasSubstr("headers.a"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","headers":[]})"), HasSubstr("headers: expected"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","query":3})"), HasSubstr("query: expected"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","query":{"a":[[]]}})"), HasSubstr("query.a"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","body":"x","base64":true})"), HasSubstr("base64"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","base64":"yes"})"), HasSubstr("base64: expected"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","timeout_ms":0})"), HasSubstr("timeout_ms"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","timeout":"soon"})"),
              HasSubstr(R"(timeout: expected a duration such as 5s, at most 1d, got "soon")"));
  EXPECT_EQ(ReadInputs(R"({"url":"http://a","timeout":"1m30s"})", "e1")->timeout,
            std::chrono::seconds(90));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","timeout":"2d"})"), HasSubstr("timeout: expected"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","max_redirects":-1})"), HasSubstr("max_redirects"));
  EXPECT_THAT(WhyNot(R"({"url":"http://a","max_bytes":1e300})"), HasSubstr("max_bytes"));
  EXPECT_THAT(WhyNot("[]"), HasSubstr("not a JSON object"));
}

TEST(WriteOutputsTest, TextJsonAndBytes) {
  Response response{.status = 200,
                    .headers = {{"content-type", "application/json"}, {"a", "1"}, {"a", "2"}},
                    .body = R"({"x":1})",
                    .url = "http://a/",
                    .duration = std::chrono::milliseconds(5)};
  EXPECT_EQ(
      WriteOutputs(response),
      R"({"status":200,"headers":{"content-type":"application/json","a":"1, 2"},)"
      R"("body":"{\"x\":1}","base64":false,"url":"http://a/","duration_ms":5,"json":{"x":1}})");
  response.body = "{broken";
  EXPECT_EQ(WriteOutputs(response).find("\"json\":"), std::string::npos);
  response.body = "\xff";
  EXPECT_THAT(WriteOutputs(response), HasSubstr(R"("body":"/w==","base64":true)"));
}

}  // namespace
}  // namespace mesg::services::http
