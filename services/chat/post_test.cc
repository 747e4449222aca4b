// From the inputs of `send` to the request each platform documents, and back.
#include "chat/post.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::services::chat {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

Result<Config> Configured(const std::map<std::string, std::string>& variables) {
  return ReadConfig(Environment([variables](const char* name) {
    const auto found = variables.find(name);
    return found != variables.end() ? found->second : std::string();
  }));
}

std::string Problem(const std::map<std::string, std::string>& variables) {
  const auto config = Configured(variables);
  return config ? "" : config.error().message;
}

Config Hook(const std::string& platform) {
  return *Configured({{"PLATFORM", platform}, {"URL", "https://hooks.example/secret"}});
}
Config Bot() {
  return *Configured({{"PLATFORM", "telegram"}, {"TOKEN", "123:abc"}, {"CHAT", "42"}});
}
Config Homeserver() {
  return *Configured({{"PLATFORM", "matrix"},
                      {"URL", "https://m.example/"},
                      {"TOKEN", "syt"},
                      {"CHAT", "!room:m.example"}});
}

std::string Body(const Config& config, const std::string& inputs) {
  const auto post = ReadInputs(config, inputs, "exec1");
  return post ? post->request.body + (post->cut ? " (cut)" : "") : post.error().message;
}

TEST(PostTest, SlackGetsTextOrBlocks) {
  const Config slack = Hook("slack");
  EXPECT_EQ(Body(slack, R"({"text":"a <!channel> & *b*"})"),
            R"({"text":"a &lt;!channel&gt; &amp; *b*","mrkdwn":false})");
  EXPECT_EQ(Body(slack, R"({"text":"<https://x|y> *b*","format":"markdown"})"),
            R"({"text":"<https://x|y> *b*","mrkdwn":true})");
  EXPECT_EQ(Body(slack, R"({"title":"T & U","text":"x"})"),
            R"({"text":"T &amp; U","blocks":[{"type":"header","text":{"type":"plain_text",)"
            R"("text":"T & U"}},{"type":"section","text":{"type":"plain_text","text":"x"}}]})");
  EXPECT_THAT(Body(slack, R"({"text":"x","format":"html"})"),
              HasSubstr("slack takes plain or markdown"));
  const auto post = ReadInputs(slack, R"({"text":"x"})", "e");
  EXPECT_EQ(post->request.method, "POST");
  EXPECT_EQ(post->request.url, "https://hooks.example/secret");
  EXPECT_EQ(post->request.max_redirects, 0);
}

TEST(PostTest, DiscordMentionsNobodyAndKeepsAddresses) {
  const Config discord = Hook("discord");
  EXPECT_EQ(Body(discord, R"({"title":"T","text":"a *b* https://x.org/a_b_c @everyone"})"),
            R"({"content":"**T**\na \\*b\\* https://x.org/a_b_c @everyone",)"
            R"("allowed_mentions":{"parse":[]}})");
  EXPECT_THAT(Body(discord, R"({"text":"**b**","format":"markdown"})"), HasSubstr(R"("**b**")"));
  EXPECT_EQ(ReadInputs(discord, R"({"text":"x"})", "e")->request.url,
            "https://hooks.example/secret?wait=true");
}

TEST(PostTest, TelegramMarksTheTitleByUtf16) {
  const Config bot = Bot();
  EXPECT_EQ(Body(bot, R"({"title":"é😀","text":"x_y"})"),
            "{\"chat_id\":\"42\",\"entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":3}],"
            "\"text\":\"é😀\\nx_y\"}");
  EXPECT_EQ(Body(bot, R"({"title":"1.5","text":"*b*","format":"markdown","chat":"@c"})"),
            R"({"chat_id":"@c","parse_mode":"MarkdownV2","text":"*1\\.5*\n*b*"})");
  EXPECT_THAT(Body(bot, R"({"title":"a<b","text":"<i>x</i>","format":"html"})"),
              AllOf(HasSubstr(R"("parse_mode":"HTML")"), HasSubstr(R"(<b>a&lt;b</b>\n<i>x</i>)")));
  EXPECT_EQ(ReadInputs(bot, R"({"text":"x"})", "e")->request.url,
            "https://api.telegram.org/bot123:abc/sendMessage");
}

TEST(PostTest, MatrixRepeatsUnderOneTransaction) {
  const auto post = ReadInputs(Homeserver(), R"({"title":"T","text":"a<b\nc"})", "exec/1");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->request.method, "PUT");
  EXPECT_EQ(post->request.url,
            "https://m.example/_matrix/client/v3/rooms/%21room%3Am.example/send/m.room.message/"
            "exec%2F1");
  EXPECT_EQ(post->request.headers.back().second, "Bearer syt");
  EXPECT_EQ(post->request.body,
            R"({"msgtype":"m.text","body":"T\na<b\nc","format":"org.matrix.custom.html",)"
            R"("formatted_body":"<strong>T</strong><br>a&lt;b<br>c"})");
  EXPECT_EQ(Body(Hook("matrix"), R"({"text":"<b>x</b>","format":"html"})"),
            R"({"text":"x","html":"<b>x</b>"})");
}

TEST(PostTest, LongTextIsCutWithinTheLimit) {
  struct Case {
    Config config;
    std::size_t limit;
  };
  for (const Case& each : {Case{Hook("slack"), 40'000}, Case{Hook("discord"), 2'000},
                           Case{Bot(), 4'096}, Case{Homeserver(), 8'000}}) {
    for (const std::string& unit : {std::string("a"), std::string("<"), std::string("ä")}) {
      std::string text;
      for (std::size_t i = 0; i < each.limit + 10; ++i) text += unit;
      const auto post = ReadInputs(each.config, R"({"text":")" + text + "\"}", "e");
      ASSERT_TRUE(post);
      EXPECT_TRUE(post->cut);
      EXPECT_THAT(post->request.body, AllOf(HasSubstr("…"), Not(HasSubstr("\xEF\xBF\xBD"))));
      EXPECT_LE(post->request.body.size(), each.limit * 2 + 200);
    }
  }
}

TEST(PostTest, WhatCannotBeSentIsNamed) {
  EXPECT_THAT(Body(Bot(), R"({"text":""})"), HasSubstr("text: expected something to say"));
  EXPECT_THAT(Body(Bot(), R"({"text":"x","format":"bold"})"), HasSubstr("got \"bold\""));
  EXPECT_THAT(Body(Bot(), R"({"title":"a\nb"})"), HasSubstr("title: expected one line"));
  EXPECT_THAT(Body(Homeserver(), R"({"text":"x","format":"markdown"})"),
              HasSubstr("matrix takes plain or html"));
  EXPECT_THAT(Problem({{"PLATFORM", "irc"}}),
              HasSubstr("PLATFORM: expected one of slack, discord"));
  EXPECT_THAT(Problem({{"PLATFORM", "slack"}}), HasSubstr("URL, TOKEN, PORT"));
  EXPECT_THAT(Problem({{"PLATFORM", "slack"}, {"URL", "hush"}}),
              AllOf(HasSubstr("URL: expected https://"), Not(HasSubstr("hush"))));
  EXPECT_THAT(Problem({{"PLATFORM", "slack"}, {"PORT", "0"}}), HasSubstr("VERIFY: expected what"));
  EXPECT_THAT(Problem({{"PLATFORM", "discord"}, {"PORT", "0"}, {"VERIFY", "x"}}),
              HasSubstr("64 hex digits"));
  EXPECT_THAT(Problem({{"PLATFORM", "telegram"}, {"TOKEN", "1/2"}}), HasSubstr("TOKEN: expected"));
}

http::Response Answered(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

TEST(PostTest, AnswersAreReadPerPlatform) {
  EXPECT_EQ(*ReadResponse(Hook("slack"), Answered(200, "ok")), "");
  EXPECT_EQ(*ReadResponse(Hook("discord"), Answered(200, R"({"id":"99"})")), "99");
  EXPECT_EQ(*ReadResponse(Bot(), Answered(200, R"({"ok":true,"result":{"message_id":7}})")), "7");
  EXPECT_EQ(*ReadResponse(Homeserver(), Answered(200, R"({"event_id":"$e"})")), "$e");
  const auto refused =
      ReadResponse(Hook("slack"), Answered(403, "bad https://hooks.example/secret here"));
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().message, "slack refuses: 403 bad ... here");
  EXPECT_EQ(ReadResponse(Hook("slack"), Answered(502, "")).error().code, Code::kUnavailable);
}

TEST(PostTest, PausesAreReadPerPlatform) {
  EXPECT_FALSE(RetryAfter(Answered(200, R"({"retry_after":1})")));
  EXPECT_EQ(RetryAfter(Answered(429, R"({"retry_after":0.25})")), 250ms);
  EXPECT_EQ(RetryAfter(Answered(429, R"({"parameters":{"retry_after":3}})")), 3s);
  EXPECT_EQ(RetryAfter(Answered(429, R"({"retry_after_ms":40})")), 40ms);
  http::Response slack = Answered(429, "");
  EXPECT_EQ(RetryAfter(slack), 1s);
  slack.headers = {{"retry-after", "2"}};
  EXPECT_EQ(RetryAfter(slack), 2s);
  EXPECT_EQ(RetryAfter(Answered(429, R"({"retry_after":1e300})")), 24h);
}

}  // namespace
}  // namespace mesg::services::chat
