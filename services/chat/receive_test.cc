// Requests as the platforms document them: proven or refused, and what becomes of them.
#include "chat/receive.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::chat {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using webhook::Incoming;
using webhook::Verdict;

const TimePoint kNow = FromMicros(1'700'000'000'000'000);

Incoming Request(std::string body, std::vector<std::pair<std::string, std::string>> headers = {}) {
  Incoming incoming;
  incoming.method = "POST";
  incoming.target = "/";
  incoming.headers = std::move(headers);
  incoming.body = std::move(body);
  return incoming;
}

Config Of(Platform platform, const std::string& name, const std::string& verify) {
  Config config;
  config.platform = platform;
  config.name = name;
  config.verify = verify;
  return config;
}

int StatusOf(const Verdict& verdict) {
  return verdict.answer ? verdict.answer->status : verdict.accepted->status;
}

// ---- Slack ----

const Config kSlack = Of(Platform::kSlack, "slack", "shh");

Incoming FromSlack(const std::string& body, const std::string& time = "1700000000") {
  const std::string text = "v0:" + time + ":" + body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), "shh", 3, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       mac.data(), &size);
  return Request(body, {{"X-Slack-Request-Timestamp", time},
                        {"X-Slack-Signature",
                         "v0=" + ToHex({reinterpret_cast<const char*>(mac.data()), size})}});
}

TEST(ReceiveTest, SlackIsAnsweredItsChallenge) {
  const auto verdict =
      Receive(kSlack, FromSlack(R"({"type":"url_verification","challenge":"c\"1"})"), kNow);
  ASSERT_TRUE(verdict.answer);
  EXPECT_EQ(verdict.answer->body, R"({"challenge":"c\"1"})");
  EXPECT_TRUE(verdict.events.empty());
}

TEST(ReceiveTest, SlackMessageIsAnEvent) {
  const auto verdict =
      Receive(kSlack,
              FromSlack(R"({"type":"event_callback","event_id":"Ev1","event":{"type":"message",)"
                        R"("user":"U1","text":"hi","channel":"C1","ts":"1.2","thread_ts":"1.1"}})"),
              kNow);
  ASSERT_EQ(verdict.events.size(), 1U);
  EXPECT_EQ(verdict.events[0].id, "slack-Ev1");
  EXPECT_THAT(
      verdict.events[0].json,
      HasSubstr(R"("id":"Ev1","text":"hi","from":"U1","chat":"C1","thread":"1.1","raw":{)"));
  EXPECT_EQ(verdict.accepted->status, 200);
  for (const char* other :
       {R"({"type":"message","bot_id":"B1","text":"x"})",
        R"({"type":"message","subtype":"message_changed"})", R"({"type":"reaction_added"})"}) {
    const auto ignored = Receive(
        kSlack,
        FromSlack(std::string(R"({"type":"event_callback","event_id":"E","event":)") + other + "}"),
        kNow);
    EXPECT_TRUE(ignored.events.empty()) << other;
    EXPECT_EQ(StatusOf(ignored), 200);
  }
}

TEST(ReceiveTest, SlackForgeriesAndReplaysAreRefused) {
  Incoming tampered = FromSlack(R"({"type":"x"})");
  tampered.body += " ";
  EXPECT_EQ(StatusOf(Receive(kSlack, tampered, kNow)), 401);
  EXPECT_EQ(StatusOf(Receive(kSlack, FromSlack("{}", "1699999600"), kNow)), 401);
  EXPECT_EQ(StatusOf(Receive(kSlack, FromSlack("{}", "1700000400"), kNow)), 401);
  EXPECT_EQ(StatusOf(Receive(kSlack, Request("{}"), kNow)), 401);
  EXPECT_EQ(StatusOf(Receive(kSlack, FromSlack("[1]"), kNow)), 400);
  EXPECT_EQ(StatusOf(Receive(kSlack, FromSlack("no json"), kNow)), 400);
}

// ---- Discord ----

class DiscordTest : public ::testing::Test {
 protected:
  DiscordTest() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free) {
    std::array<unsigned char, 32> bytes{};
    std::size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &size);
    config_ = Of(Platform::kDiscord, "discord",
                 ToHex({reinterpret_cast<const char*>(bytes.data()), size}));
  }
  Incoming Signed(const std::string& body, const std::string& time = "1700000000") {
    const std::string text = time + body;
    std::array<unsigned char, 64> signature{};
    std::size_t size = signature.size();
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context, signature.data(), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MD_CTX_free(context);
    return Request(body, {{"X-Signature-Timestamp", time},
                          {"X-Signature-Ed25519",
                           ToHex({reinterpret_cast<const char*>(signature.data()), size})}});
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  Config config_;
};

TEST_F(DiscordTest, PingIsAnsweredAndForgeriesAreNot) {
  EXPECT_EQ(Receive(config_, Signed(R"({"type":1})"), kNow).answer->body, R"({"type":1})");
  Incoming tampered = Signed(R"({"type":1})");
  tampered.body += " ";
  EXPECT_EQ(StatusOf(Receive(config_, tampered, kNow)), 401);
  EXPECT_EQ(StatusOf(Receive(config_, Signed("{}", "1600000000"), kNow)), 401);
  for (const char* signature : {"", "zz", "00"}) {
    Incoming wrong = Signed("{}");
    wrong.headers[1].second = signature;
    EXPECT_EQ(StatusOf(Receive(config_, wrong, kNow)), 401);
  }
}

TEST_F(DiscordTest, CommandIsAnEvent) {
  const auto verdict =
      Receive(config_,
              Signed(R"({"type":2,"id":"9","channel_id":"C","data":{"name":"pay","options":[)"
                     R"({"name":"to","value":"ann"},{"name":"n","value":5}]},)"
                     R"("member":{"user":{"id":"U","username":"bob"}}})"),
              kNow);
  ASSERT_EQ(verdict.events.size(), 1U);
  EXPECT_EQ(verdict.events[0].id, "discord-9");
  EXPECT_THAT(verdict.events[0].json,
              HasSubstr(R"("text":"/pay ann 5","from":"U","from_name":"bob","chat":"C")"));
  EXPECT_THAT(verdict.accepted->body, HasSubstr(R"("type":4)"));
}

// ---- Telegram, Matrix ----

TEST(ReceiveTest, TelegramMessageIsAnEvent) {
  const Config config = Of(Platform::kTelegram, "telegram", "tok");
  const std::string body =
      R"({"update_id":5,"message":{"message_id":1,"text":"hi","from":{"id":7,"username":"ann"},)"
      R"("chat":{"id":-100}}})";
  const auto verdict =
      Receive(config, Request(body, {{"x-telegram-bot-api-secret-token", "tok"}}), kNow);
  ASSERT_EQ(verdict.events.size(), 1U);
  EXPECT_EQ(verdict.events[0].id, "telegram-5");
  EXPECT_THAT(verdict.events[0].json,
              HasSubstr(R"("text":"hi","from":"7","from_name":"ann","chat":"-100")"));
  EXPECT_EQ(StatusOf(Receive(config, Request(body), kNow)), 401);
  const auto other = Receive(
      config, Request(R"({"update_id":6})", {{"X-Telegram-Bot-Api-Secret-Token", "tok"}}), kNow);
  EXPECT_TRUE(other.events.empty());
  EXPECT_EQ(StatusOf(other), 200);
}

TEST(ReceiveTest, MatrixTransactionBecomesItsMessages) {
  const Config config = Of(Platform::kMatrix, "matrix", "hs");
  Incoming request = Request(
      R"({"events":[{"type":"m.room.message","event_id":"$1","sender":"@a:x","room_id":"!r",)"
      R"("content":{"msgtype":"m.text","body":"one"}},{"type":"m.room.member","event_id":"$2"},)"
      R"({"type":"m.room.message","event_id":"$3","sender":"@b:x","room_id":"!r",)"
      R"("content":{"body":"two"}}]})",
      {{"Authorization", "Bearer hs"}});
  request.method = "PUT";
  request.target = "/_matrix/app/v1/transactions/77";
  const auto verdict = Receive(config, request, kNow);
  ASSERT_EQ(verdict.events.size(), 2U);
  EXPECT_EQ(verdict.events[0].id, "matrix-$1");
  EXPECT_THAT(verdict.events[1].json,
              AllOf(HasSubstr(R"("text":"two","from":"@b:x")"), Not(HasSubstr("one"))));
  EXPECT_TRUE(sdk::IsJson(verdict.events[1].json));
  request.headers[0].second = "Bearer other";
  EXPECT_EQ(StatusOf(Receive(config, request, kNow)), 401);
  request.headers[0].second = "Bearer hs";
  request.target = "/_matrix/app/v1/users/x";
  EXPECT_EQ(StatusOf(Receive(config, request, kNow)), 404);
}

}  // namespace
}  // namespace mesg::services::chat
