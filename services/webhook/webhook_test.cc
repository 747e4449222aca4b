// The HTTP side against real connections, and the whole service, as a process, against a Core in
// memory.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_core_test_support.h"
#include "webhook/server.h"

namespace mesg::services::webhook {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using ::testing::HasSubstr;

struct Got {
  unsigned status = 0;
  std::string body;
  std::string type;
  bool closed = false;
};

// One connection of a sender.
class Sender {
 public:
  explicit Sender(std::uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::make_address("127.0.0.1"), port});
  }
  void Write(std::string_view text) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(text), ignored);
  }
  Got Read(bool head = false) {
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    boost::system::error_code error;
    http::read(socket_, buffer_, parser, error);
    if (error) return {.status = 0, .body = error.message(), .type = {}, .closed = true};
    const auto type = parser.get()[http::field::content_type];
    return {.status = parser.get().result_int(),
            .body = parser.get().body(),
            .type = {type.data(), type.size()}};
  }
  Got Ask(std::string_view text) {
    Write(text);
    return Read();
  }
  // An interim response: up to the empty line.
  std::string Interim() {
    std::string text;
    boost::system::error_code error;
    char c = 0;
    while (!error && !text.ends_with("\r\n\r\n")) {
      if (asio::read(socket_, asio::buffer(&c, 1), error) == 1) text += c;
    }
    return text;
  }
  void Leave() {
    socket_.set_option(asio::socket_base::linger(true, 0));  // The other side learns at once.
    socket_.close();
  }

 private:
  asio::io_context io_;
  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
};

std::string Post(std::string_view body, std::string_view headers = {}) {
  return "POST /p?q=1 HTTP/1.1\r\nHost: h\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// A server whose events the test takes and acknowledges.
class WebhookTest : public ::testing::Test {
 protected:
  struct Emitted {
    std::string id;
    std::string json;
    Server::Done done;
  };

  std::shared_ptr<Server> Listen(Config config = {}) {
    config.port = 0;
    auto server = Server::Listen(
        config, [this](std::vector<Emission> events, Server::Done done) -> Result<void> {
          if (refuse_) return ResourceExhausted("too much is under way");
          if (automatic_) {
            done({});
            done = nullptr;
          }
          const std::scoped_lock lock(mutex_);
          emitted_.push_back(
              {std::move(events.at(0).id), std::move(events.at(0).json), std::move(done)});
          return {};
        });
    EXPECT_TRUE(server);
    return *server;
  }
  std::size_t Count() {
    const std::scoped_lock lock(mutex_);
    return emitted_.size();
  }
  Emitted Take(std::size_t index = 0) {
    EXPECT_TRUE(sdk::Eventually([&] { return Count() > index; }));
    const std::scoped_lock lock(mutex_);
    return emitted_.at(index);
  }

  std::mutex mutex_;
  std::vector<Emitted> emitted_;
  std::atomic<bool> automatic_ = true;
  std::atomic<bool> refuse_ = false;
};

TEST_F(WebhookTest, SenderIsAnsweredOnlyOnceTheEventIsDurable) {
  automatic_ = false;
  const auto server = Listen();
  Sender sender(server->port());
  sender.Write(Post("hello"));
  const auto event = Take();
  EXPECT_THAT(event.json, HasSubstr(R"("path":"/p","query":{"q":"1"})"));
  EXPECT_THAT(event.json,
              HasSubstr(R"("body":"hello","base64":false,"remote":"127.0.0.1","held":false)"));
  auto answer = std::async(std::launch::async, [&] { return sender.Read(); });
  EXPECT_EQ(answer.wait_for(20ms), std::future_status::timeout);
  event.done({});
  const Got got = answer.get();
  EXPECT_EQ(got.status, 202U);
  EXPECT_EQ(got.body, R"({"id":")" + event.id + "\"}");
}

TEST_F(WebhookTest, WhatCoreDoesNotTakeIsAnswered503) {
  automatic_ = false;
  const auto server = Listen();
  Sender sender(server->port());
  sender.Write(Post("a"));
  Take().done(DeadlineExceeded("Core cannot be reached"));
  EXPECT_EQ(sender.Read().status, 503U);
  refuse_ = true;
  EXPECT_EQ(sender.Ask(Post("b")).status, 503U);
}

TEST_F(WebhookTest, ManyRequestsOnOneConnection) {
  const auto server = Listen();
  Sender sender(server->port());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sender.Ask(Post("x")).status, 202U);
  sender.Write(Post("1") + Post("2"));  // Both at once.
  EXPECT_EQ(sender.Read().status, 202U);
  EXPECT_EQ(sender.Read().status, 202U);
  sender.Write("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(sender.Read(true).status, 202U);
  EXPECT_TRUE(sender.Read().closed);
  EXPECT_EQ(Count(), 53U);
}

TEST_F(WebhookTest, SenderThatExpectsToBeToldGoesOn) {
  const auto server = Listen();
  Sender sender(server->port());
  sender.Write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(sender.Interim(), HasSubstr("100 Continue"));
  EXPECT_EQ(sender.Ask("hi").status, 202U);
}

TEST_F(WebhookTest, WrongSignatureIsNoEvent) {
  const auto server = Listen({.secret = "Jefe"});
  Sender sender(server->port());
  const std::string body = "what do ya want for nothing?";
  EXPECT_EQ(sender.Ask(Post(body)).status, 401U);
  EXPECT_EQ(sender.Ask(Post(body, "X-Hub-Signature-256: sha256=00\r\n")).status, 401U);
  EXPECT_EQ(Count(), 0U);
  const std::string right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  EXPECT_EQ(sender.Ask(Post(body, "X-Hub-Signature-256: sha256=" + right + "\r\n")).status, 202U);
}

TEST_F(WebhookTest, WhatIsTooLargeIsRefusedWithAReason) {
  const auto server = Listen({.max_body = 10});
  EXPECT_EQ(Sender(server->port()).Ask(Post("0123456789a")).status, 413U);
  EXPECT_EQ(Sender(server->port()).Ask(Post("0123456789")).status, 202U);
  EXPECT_EQ(Sender(server->port())
                .Ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "b\r\n0123456789a\r\n0\r\n\r\n")
                .status,
            413U);
  EXPECT_EQ(Sender(server->port())
                .Ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n")
                .status,
            431U);
  EXPECT_EQ(Sender(server->port()).Ask("this is no HTTP\r\n\r\n").status, 400U);
  EXPECT_EQ(Count(), 1U);
}

TEST_F(WebhookTest, SlowSenderIsClosed) {
  const auto server = Listen({.read_timeout = 50ms});
  Sender sender(server->port());
  EXPECT_TRUE(sender.Ask("POST / HTTP/1.1\r\nContent-Le").closed);
  EXPECT_EQ(Count(), 0U);
}

TEST_F(WebhookTest, TooManyConnectionsAreToldSo) {
  const auto server = Listen({.max_connections = 2});
  auto first = std::make_unique<Sender>(server->port());
  Sender second(server->port());
  EXPECT_EQ(first->Ask(Post("1")).status, 202U);
  EXPECT_EQ(second.Ask(Post("2")).status, 202U);
  EXPECT_EQ(Sender(server->port()).Read().status, 503U);
  first->Leave();
  EXPECT_TRUE(
      sdk::Eventually([&] { return Sender(server->port()).Ask(Post("3")).status == 202U; }));
}

TEST_F(WebhookTest, HeldRequestGetsItsReply) {
  const auto server = Listen({.hold = true});
  Sender sender(server->port());
  sender.Write(Post("a"));
  const auto event = Take();
  EXPECT_THAT(event.json, HasSubstr("\"held\":true"));
  std::promise<Result<void>> sent;
  server->Respond(
      {.request_id = event.id, .status = 201, .headers = {{"Content-Type", "x/y"}}, .body = "b"},
      [&](Result<void> result) { sent.set_value(std::move(result)); });
  const Got got = sender.Read();
  EXPECT_EQ(got.status, 201U);
  EXPECT_EQ(got.body, "b");
  EXPECT_EQ(got.type, "x/y");
  EXPECT_TRUE(sent.get_future().get());
  std::promise<Result<void>> again;
  server->Respond({.request_id = event.id, .headers = {}, .body = {}},
                  [&](Result<void> result) { again.set_value(std::move(result)); });
  EXPECT_EQ(again.get_future().get().error().code, Code::kNotFound);
}

// An application can be faster than the acknowledgement of the event it reacts to.
TEST_F(WebhookTest, ReplyMayComeBeforeTheAcknowledgement) {
  automatic_ = false;
  const auto server = Listen({.hold = true});
  Sender sender(server->port());
  sender.Write(Post("a"));
  const auto event = Take();
  server->Respond({.request_id = event.id, .status = 204, .headers = {}, .body = "dropped"},
                  [](const auto&) {});
  EXPECT_EQ(sender.Read().status, 204U);
  event.done({});
  sender.Write(Post("b"));
  Take(1).done(Unavailable("gone"));
  EXPECT_EQ(sender.Read().status, 503U);
}

TEST_F(WebhookTest, HeldRequestThatNobodyAnswersIs504) {
  const auto server = Listen({.hold = true, .hold_timeout = 30ms});
  Sender sender(server->port());
  EXPECT_EQ(sender.Ask(Post("a")).status, 504U);
  EXPECT_EQ(sender.Ask(Post("b")).status, 504U);
}

TEST_F(WebhookTest, StopWithRequestsUnderWayIsClean) {
  automatic_ = false;
  auto server = Listen({.hold = true});
  Sender held(server->port());
  Sender emitting(server->port());
  held.Write(Post("a"));
  Take().done({});
  emitting.Write(Post("b"));
  const auto late = Take(1);
  server->Stop();
  server.reset();
  late.done({});
  EXPECT_TRUE(held.Read().closed);
}

TEST_F(WebhookTest, TakenPortIsAClearError) {
  const auto server = Listen();
  Config config;
  config.port = server->port();
  const auto second = Server::Listen(config, nullptr);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("cannot listen on 127.0.0.1 port"));
  config.bind = "nonsense";
  EXPECT_THAT(Server::Listen(config, nullptr).error().message, HasSubstr("BIND"));
}

TEST(WebhookServiceTest, RequestsBecomeEventsAndTasksAnswerThem) {
  sdk::FakeCore core;
  const std::string endpoint = core.endpoint();
  int out[2];
  ASSERT_EQ(pipe(out), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    setenv("MESG_ENDPOINT", endpoint.c_str(), 1);
    setenv("MESG_TOKEN", "secret", 1);
    setenv("PORT", "0", 1);
    setenv("HOLD", "true", 1);
    execl(MESG_SERVICE_PROGRAM, MESG_SERVICE_PROGRAM, nullptr);
    _exit(127);
  }
  close(out[1]);
  FILE* const output = fdopen(out[0], "r");
  unsigned port = 0;
  ASSERT_EQ(std::fscanf(output, "listening on 127.0.0.1 port %u", &port), 1);
  Sender sender(static_cast<std::uint16_t>(port));
  sender.Write(Post("{}", "Content-Type: application/json\r\n"));
  ASSERT_TRUE(sdk::Eventually([&] { return core.events().size() == 1; }));
  const auto event = core.events().front();
  EXPECT_EQ(event.key, "request");
  EXPECT_THAT(event.data, HasSubstr("\"json\":{}"));
  EXPECT_THAT(event.data, HasSubstr("\"id\":\"" + event.id + "\""));
  core.Deliver("respond",
               R"({"request_id":")" + event.id + R"(","status":418,"body":{"tea":true}})", "e1");
  const Got got = sender.Read();
  EXPECT_EQ(got.status, 418U);
  EXPECT_EQ(got.body, R"({"tea":true})");
  EXPECT_EQ(got.type, "application/json");
  ASSERT_TRUE(sdk::Eventually([&] { return core.answers().size() == 1; }));
  EXPECT_EQ(core.answers()[0].text, R"({"status":418})");
  core.Deliver("respond", R"({"request_id":"unknown"})", "e2");
  ASSERT_TRUE(sdk::Eventually([&] { return core.answers().size() == 2; }));
  EXPECT_TRUE(core.answers()[1].permanent);
  kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::fclose(output);
}

}  // namespace
}  // namespace mesg::services::webhook
