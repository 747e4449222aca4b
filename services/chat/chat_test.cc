// The whole service under a real Core, between an HTTP server that is the platform and requests
// that come from there.
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat/sender.h"
#include "connector/service_test_support.h"
#include "http/client.h"
#include "webhook/server.h"

namespace mesg::services::chat {
namespace {

using mesg::testing::Eventually;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Answers what the test gives it, then 200, and keeps what it was asked.
class FakePlatform {
 public:
  FakePlatform() {
    webhook::Config config;
    config.port = 0;
    server_ = *webhook::Server::Listen(config, nullptr, [this](const webhook::Incoming& incoming) {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(incoming);
      webhook::Verdict verdict;
      verdict.answer.emplace();
      verdict.answer->body = R"({"id":"m1"})";
      if (!answers_.empty()) {
        verdict.answer = answers_.front();
        answers_.erase(answers_.begin());
      }
      return verdict;
    });
  }
  void AnswerNext(int status, std::string body,
                  std::vector<std::pair<std::string, std::string>> headers = {}) {
    const std::scoped_lock lock(mutex_);
    answers_.push_back({.request_id = {},
                        .status = status,
                        .headers = std::move(headers),
                        .body = std::move(body)});
  }
  std::vector<webhook::Incoming> Requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  std::string Url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hidden";
  }

 private:
  std::mutex mutex_;
  std::vector<webhook::Incoming> requests_;
  std::vector<webhook::Reply> answers_;
  std::shared_ptr<webhook::Server> server_;
};

class ChatTest : public ServiceTest {
 protected:
  ChatTest() : ServiceTest("chat") {}

  static int Ask(const std::string& url, const std::string& body, const std::string& header,
                 const std::string& text) {
    http::Client client;
    http::Request request;
    request.method = "POST";
    request.url = url;
    request.body = body;
    request.has_body = true;
    request.headers = {{header, text}};
    std::promise<int> status;
    client.Start(request, [&](const Result<http::Response>& response) {
      status.set_value(response ? response->status : 0);
    });
    return status.get_future().get();
  }

  FakePlatform platform_;
};

TEST_F(ChatTest, SendsAndHonoursThePausesThePlatformAsksFor) {
  ASSERT_NO_FATAL_FAILURE(StartService({{"PLATFORM", "discord"}, {"URL", platform_.Url()}}));
  platform_.AnswerNext(429, R"({"retry_after":0.02})", {{"Retry-After", "1"}});
  const auto sent = Execute("send", R"({"title":"Hi","text":"there"})");
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(*sent, R"({"id":"m1","cut":false})");
  const auto requests = platform_.Requests();
  ASSERT_EQ(requests.size(), 2U);  // In one attempt.
  EXPECT_EQ(requests[1].target, "/hidden?wait=true");
  EXPECT_EQ(requests[1].Header("Content-Type"), "application/json");
  EXPECT_EQ(requests[1].body, R"({"content":"**Hi**\nthere","allowed_mentions":{"parse":[]}})");

  platform_.AnswerNext(404, "Unknown Webhook");
  const auto refused = Execute("send", R"({"text":"x"})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("discord refuses: 404 Unknown Webhook"));
  EXPECT_EQ(platform_.Requests().size(), 3U);  // Refused for good: tried once.
  EXPECT_THAT(Log() + refused.error().message, Not(HasSubstr("hidden")));
}

TEST_F(ChatTest, WhatIsSaidBecomesOneEventAlsoWhenItComesTwice) {
  const std::uint16_t port = FreePort();
  ASSERT_NO_FATAL_FAILURE(StartService({{"PLATFORM", "telegram"},
                                        {"TOKEN", "1:a"},
                                        {"VERIFY", "tok"},
                                        {"PORT", std::to_string(port)}}));
  ASSERT_TRUE(Eventually([&] { return Listens(port); })) << Log();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/";
  const auto update = [](int number) {
    return R"({"update_id":)" + std::to_string(number) +
           R"(,"message":{"text":"hi","from":{"id":7},"chat":{"id":8}}})";
  };
  constexpr const char* kHeader = "X-Telegram-Bot-Api-Secret-Token";
  EXPECT_EQ(Ask(url, update(1), kHeader, "wrong"), 401);
  EXPECT_EQ(Ask(url, update(1), kHeader, "tok"), 200);
  EXPECT_EQ(Ask(url, update(1), kHeader, "tok"), 200);
  ASSERT_NO_FATAL_FAILURE(KillService());
  ASSERT_TRUE(Eventually([&] { return Listens(port); }));
  EXPECT_EQ(Ask(url, update(1), kHeader, "tok"), 200);
  EXPECT_EQ(Ask(url, update(2), kHeader, "tok"), 200);
  const auto events = AwaitEvents(2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, "telegram-1");
  EXPECT_THAT(events[1].data, AllOf(HasSubstr(R"("id":"2")"), HasSubstr(R"("from":"7")")));
}

TEST(SenderTest, NoMessageOvertakesAPauseAndNoneWaitsBeyondItsTime) {
  FakePlatform platform;
  Config config;
  config.platform = Platform::kSlack;
  config.name = "slack";
  config.url = platform.Url();
  Sender sender(config);
  const auto post = ReadInputs(config, R"({"text":"x"})", "e");
  ASSERT_TRUE(post);
  const auto go_on = [] { return false; };
  const TimePoint soon = SystemClock().Now() + std::chrono::seconds(60);
  platform.AnswerNext(429, "", {{"Retry-After", "3600"}});
  const auto late = sender.Send(post->request, soon, go_on);
  EXPECT_EQ(late.error().code, Code::kUnavailable);
  EXPECT_THAT(late.error().message, HasSubstr("slack takes no more messages for"));
  EXPECT_EQ(sender.Send(post->request, soon, go_on).error().code, Code::kUnavailable);
  EXPECT_EQ(platform.Requests().size(), 1U);
  EXPECT_EQ(sender.Send(post->request, soon, [] { return true; }).error().code, Code::kCancelled);
}

TEST(SenderTest, ErrorsDoNotShowTheAddress) {
  Config config;
  config.platform = Platform::kSlack;
  config.name = "slack";
  config.url = "http://127.0.0.1:" + std::to_string(FreePort()) + "/hidden";
  Sender sender(config);
  const auto post = ReadInputs(config, R"({"text":"x"})", "e");
  const auto failed = sender.Send(post->request, SystemClock().Now() + std::chrono::seconds(60),
                                  [] { return false; });
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_THAT(failed.error().message, AllOf(HasSubstr("slack: "), Not(HasSubstr("hidden"))));
}

}  // namespace
}  // namespace mesg::services::chat
