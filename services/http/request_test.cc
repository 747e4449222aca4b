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

std::string Sent(const Request& request) {
  std::string all;
  for (const auto& [name, text] : request.headers) {
    if (name != "Idempotency-Key") all += name + ": " + text + "\n";
  }
  return all + request.body;
}

TEST(CloudEventTest, GoesInHeadersOrAsAWhole) {
  const std::string event =
      R"("cloudevent":{"source":"/a €","type":"t","n":5,"time":null,"data":{"x":1}})";
  const auto binary = ReadInputs(R"({"url":"http://a",)" + event + "}", "e1");
  ASSERT_TRUE(binary) << binary.error().message;
  EXPECT_EQ(binary->method, "POST");
  EXPECT_EQ(Sent(*binary),
            "ce-id: e1\nce-n: 5\nce-source: /a%20%E2%82%AC\nce-specversion: 1.0\nce-type: t\n"
            "Content-Type: application/json\n{\"x\":1}");
  const auto structured =
      ReadInputs(R"({"url":"http://a","cloudevent_mode":"structured",)" + event + "}", "e1");
  EXPECT_EQ(Sent(*structured),
            "Content-Type: application/cloudevents+json; charset=utf-8\n"
            R"({"data":{"x":1},"id":"e1","n":5,"source":"/a €","specversion":"1.0","type":"t"})");
  const auto text =
      ReadInputs(R"({"url":"http://a","cloudevent":{"id":"7","source":"s","type":"t",)"
                 R"("datacontenttype":"text/plain","data":"hi"}})",
                 "e1");
  EXPECT_EQ(text->body, "hi");
  const auto bytes = ReadInputs(
      R"({"url":"http://a","cloudevent":{"source":"s","type":"t","data_base64":"AAE="}})", "e1");
  EXPECT_EQ(bytes->body, std::string("\0\1", 2));
}

TEST(CloudEventTest, WhatCannotBeSentIsNamed) {
  const auto why = [](const std::string& event, const std::string& more = "") {
    return WhyNot(R"({"url":"http://a","cloudevent":{)" + event + "}" + more + "}");
  };
  EXPECT_THAT(why(R"("type":"t")"), HasSubstr("cloudevent.source: is missing"));
  EXPECT_THAT(why(R"("type":"t","source":"s","A-b":"x")"), HasSubstr("is no attribute"));
  EXPECT_THAT(why(R"("type":"t","source":"s","x":{})"), HasSubstr("cloudevent.x: expected text"));
  EXPECT_THAT(why(R"("type":"t","source":"s","specversion":"0.3")"), HasSubstr("expected 1.0"));
  EXPECT_THAT(why(R"("type":"t","source":"s","datacontenttype":"a/b\r\nX: y")"),
              HasSubstr("cloudevent.datacontenttype"));
  EXPECT_THAT(why(R"("type":"t","source":"s","data":1,"data_base64":"")"), HasSubstr("not both"));
  EXPECT_THAT(why(R"("type":"t","source":"s")", R"(,"body":"x")"),
              HasSubstr("use cloudevent.data"));
}

TEST(SignTest, SignatureIsOverWhatIsSent) {
  const auto keys = webhook::StandardKeys::Parse("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  const TimePoint now = FromMicros(1'614'265'330'000'000);
  const auto request =
      ReadInputs(R"({"sign":true,"url":"http://a","body":{"n":1}})", "e1", &*keys, now);
  ASSERT_TRUE(request) << request.error().message;
  const auto header = [&](std::string_view name) {
    for (const auto& [key, text] : request->headers) {
      if (key == name) return text;
    }
    return std::string();
  };
  EXPECT_EQ(header("webhook-id"), "mesg_e1");  // The same for every attempt.
  EXPECT_EQ(header("webhook-timestamp"), "1614265330");
  EXPECT_FALSE(keys->Refuse("mesg_e1", "1614265330", header("webhook-signature"), R"({"n":1})", now,
                            std::chrono::seconds(1)));
  EXPECT_THAT(WhyNot(R"({"sign":true,"url":"http://a"})"), HasSubstr("expected WEBHOOK_SECRET"));
  EXPECT_THAT(ReadInputs(R"({"sign":true,"url":"http://a","headers":{"Webhook-Id":"x"}})", "e1",
                         &*keys, now)
                  .error()
                  .message,
              HasSubstr("is set by sign"));
}

}  // namespace
}  // namespace mesg::services::http
