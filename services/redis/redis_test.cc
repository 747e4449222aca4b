// The service against a real Redis, under a real Core.
#include <atomic>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "redis/config.h"
#include "redis/connection.h"
#include "redis/tasks.h"

namespace mesg::services::redis {
namespace {

using mesg::testing::ChildProcess;
using mesg::testing::Eventually;
using mesg::testing::ReadText;
using ::testing::HasSubstr;
using ::testing::Not;

class RedisTest : public ServiceTest {
 protected:
  RedisTest() : ServiceTest("redis"), port_(FreePort()), redis_(Arguments(), port_, Folder()) {}

  void SetUp() override { ASSERT_TRUE(redis_.Start()) << redis_.Output(); }

  std::string Url() const { return "redis://:topsecret@127.0.0.1:" + std::to_string(port_); }
  Texts With(Texts more) const {
    more.emplace("URL", Url());
    return more;
  }

  /// One command, on a connection of its own, until it is answered.
  Reply Ask(const Command& command) {
    Config config;
    config.address = ParseAddress("URL", Url(), {{"redis", 6379}}).value();
    Reply answer;
    EXPECT_TRUE(Eventually([&] {
      auto connection = redis::Connection::Open(config);
      if (!connection) return false;
      auto reply = connection->Ask(command, std::chrono::seconds(10));
      if (!reply) return false;
      answer = *std::move(reply);
      return !answer.text.starts_with("LOADING");
    }));
    return answer;
  }
  void AwaitSubscribers(const std::string& channel) {
    ASSERT_TRUE(Eventually([&] {
      const Reply reply = Ask({"PUBSUB", "NUMSUB", channel});
      return reply.IsList(2) && reply.items[1].number == 1;
    })) << Log();
  }

  static std::string Data(const std::vector<Event>& events, const std::string& key) {
    std::string all;
    for (const Event& event : events) {
      if (event.key == key) all += event.data + "\n";
    }
    return all;
  }

  const std::uint16_t port_;
  Component redis_;

 private:
  // What it has answered survives a kill.
  std::vector<std::string> Arguments() const {
    return {"redis-server",    "--port",        std::to_string(port_),
            "--bind",          "127.0.0.1",     "--dir",
            Folder().string(), "--save",        "",
            "--appendonly",    "yes",           "--appendfsync",
            "always",          "--requirepass", "topsecret"};
  }
};

TEST_F(RedisTest, EntriesOfEveryKindBecomeEvents) {
  Ask({"XADD", "orders", "1-0", "item", "book", "note", "grün \"x\""});
  Ask({"XADD", "orders", "2-0", "bytes", std::string("\xff\x00\xfe", 3), "tag", "a", "tag", "b"});
  Ask({"XADD", "orders", "3-0", "large", std::string(3'000'000, 'x')});
  Ask({"XADD", "other", "1-0", "a", "b"});
  StartService(With({{"STREAMS", "orders"}, {"START", "oldest"}}));
  AwaitEvents(3);
  Ask({"XADD", "orders", "4-0", "last", ""});
  const auto events = AwaitEvents(4);
  EXPECT_EQ(
      DataOf(events),
      R"({"stream":"orders","id":"1-0","fields":{"item":"book","note":"grün \"x\""}} )"
      R"({"stream":"orders","id":"2-0","fields":{"bytes":"/wD+","tag":["a","b"]},"base64":["bytes"]} )"
      R"({"stream":"orders","id":"3-0","fields":{},"cut":3000005} )"
      R"({"stream":"orders","id":"4-0","fields":{"last":""}} )");
  EXPECT_EQ(events[3].id, "orders/4-0");
}

TEST_F(RedisTest, NewStreamsBeginWithWhatComesNext) {
  Ask({"XADD", "orders", "1-0", "a", "1"});
  StartService(With({{"STREAMS", "orders"}}));
  // The place is kept from the beginning, so that nothing is skipped once the service has been up.
  ASSERT_TRUE(Eventually([&] {
    Ask({"XADD", "orders", "*", "a", "2"});
    return !Events().empty();
  }));
  EXPECT_THAT(DataOf(Events()), Not(HasSubstr(R"("id":"1-0")")));
}

// Redis, the service and Core are killed while entries come: each becomes one event, in order.
TEST_F(RedisTest, KillsOnEverySideLoseAndDoubleNothing) {
  constexpr int kEntries = 1'500;
  StartService(With({{"STREAMS", "orders"}, {"START", "oldest"}}));
  std::atomic<int> written = 0;
  std::jthread writer([&] {
    for (int i = 1; i <= kEntries; ++i) {
      // With an id of our own, what was added before an answer was lost is not added again.
      Ask({"XADD", "orders", std::to_string(i) + "-0", "n", std::to_string(i)});
      written = i;
    }
  });
  const auto await = [&](int count) { ASSERT_TRUE(Eventually([&] { return written >= count; })); };
  await(200);
  KillService();
  await(400);
  redis_.Kill();
  ASSERT_TRUE(redis_.Start());
  await(700);
  KillCore();
  await(900);
  StartCore();
  await(1'100);
  KillService();
  writer.join();
  const auto events = AwaitEvents(kEntries);
  ASSERT_EQ(events.size(), static_cast<std::size_t>(kEntries));
  for (int i = 0; i < kEntries; ++i) {
    ASSERT_EQ(events[static_cast<std::size_t>(i)].id, "orders/" + std::to_string(i + 1) + "-0");
  }
}

TEST_F(RedisTest, EntriesThatLeftBeforeTheyWereReadAreTold) {
  StartService(With({{"STREAMS", "orders"}, {"START", "oldest"}}));
  Ask({"XADD", "orders", "1-0", "n", "1"});
  AwaitEvents(1);
  KillCore();
  for (const char* id : {"2-0", "3-0", "4-0"}) Ask({"XADD", "orders", id, "n", "x"});
  Ask({"XTRIM", "orders", "MAXLEN", "1"});
  StartCore();
  const auto events = AwaitEvents(3);
  EXPECT_EQ(events[1].key, "gap");
  EXPECT_EQ(events[1].data, R"({"kind":"trimmed","stream":"orders","after":"1-0","lost":2})");
  EXPECT_EQ(events[2].id, "orders/4-0");
  KillCore();
  Ask({"DEL", "orders"});
  Ask({"XADD", "orders", "2-0", "n", "new"});
  Ask({"XADD", "orders", "2-1", "n", "newer"});
  StartCore();
  const auto all = AwaitEvents(5);
  EXPECT_EQ(all[3].data, R"({"kind":"replaced","stream":"orders","after":"4-0"})");
  EXPECT_EQ(all[4].id, "orders/2-0");
}

TEST_F(RedisTest, MessagesOfChannelsAndPatternsBecomeEvents) {
  StartService(With({{"CHANNELS", "alerts, news.*"}}));
  AwaitSubscribers("alerts");
  Ask({"PUBLISH", "alerts", "fire \"x\""});
  Ask({"PUBLISH", "news.de", "\xff"});
  Ask({"PUBLISH", "others", "no"});
  Ask({"PUBLISH", "alerts", ""});
  EXPECT_EQ(DataOf(AwaitEvents(3)),
            R"({"channel":"alerts","payload":"fire \"x\"","base64":false} )"
            R"({"channel":"news.de","pattern":"news.*","payload":"/w==","base64":true} )"
            R"({"channel":"alerts","payload":"","base64":false} )");
}

TEST_F(RedisTest, AConnectionThatWasAwayIsAGapInItsChannels) {
  StartService(With({{"CHANNELS", "alerts"}}));
  AwaitSubscribers("alerts");
  Ask({"PUBLISH", "alerts", "before"});
  AwaitEvents(1);
  redis_.Kill();
  ASSERT_TRUE(redis_.Start());
  const auto events = AwaitEvents(2);
  EXPECT_THAT(events[1].data, HasSubstr(R"({"kind":"channels","channels":["alerts"],"since":"20)"));
  KillService();
  AwaitEvents(3);
  Ask({"PUBLISH", "alerts", "after"});
  EXPECT_THAT(AwaitEvents(4)[3].data, HasSubstr("after"));
}

TEST_F(RedisTest, CommandsAreAnsweredInJson) {
  StartService(With({}));
  const auto ask = [&](const std::string& args) {
    const auto answer = Execute("command", R"({"args":)" + args + "}");
    return answer ? *answer : answer.error().message;
  };
  EXPECT_EQ(ask(R"(["SET","k","grün"])"), R"({"reply":"OK"})");
  EXPECT_EQ(ask(R"(["GET","k"])"), R"({"reply":"grün"})");
  EXPECT_EQ(ask(R"(["GET","none"])"), R"({"reply":null})");
  EXPECT_EQ(ask(R"(["INCRBY","n",5])"), R"({"reply":5})");
  EXPECT_EQ(ask(R"(["SET","b",{"base64":"/wD+"}])"), R"({"reply":"OK"})");
  EXPECT_EQ(ask(R"(["MGET","b","n"])"), R"({"reply":[{"base64":"/wD+"},"5"]})");
  EXPECT_THAT(ask(R"(["HGET","k","x"])"), HasSubstr("Redis says: WRONGTYPE"));
  EXPECT_THAT(ask(R"(["SELECT","1"])"), HasSubstr("SELECT is not for a task"));
  EXPECT_THAT(ask("[]"), HasSubstr("args: expected a command"));
  Ask({"SET", "large", std::string(3'000'000, 'x')});
  EXPECT_THAT(ask(R"(["GET","large"])"), HasSubstr("its answer did not come: an answer is larger"));
  EXPECT_EQ(ask(R"(["INCRBY","n",1])"), R"({"reply":6})");
}

// The server dies with the command: nobody can know whether it was performed, so it is not
// repeated.
TEST_F(RedisTest, ACommandWhoseAnswerIsLostIsNotRepeated) {
  StartService(With({}));
  const std::string execution = Begin("command", R"({"args":["BLPOP","queue",20]})");
  ASSERT_TRUE(Eventually([&] {
    return Ask({"CLIENT", "LIST"}).text.find("cmd=blpop") != std::string::npos;
  }));
  redis_.Kill();
  ASSERT_TRUE(redis_.Start());
  const auto answer = Await(execution);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("may have been performed"));
}

TEST_F(RedisTest, AddsOneEntryForOneExecution) {
  StartService(With({{"STREAMS", "orders"}, {"START", "oldest"}}));
  const auto added =
      Execute("add", R"({"stream":"orders","fields":{"a":"x","n":1.5,"b":"/w=="},"base64":["b"]})");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_THAT(DataOf(AwaitEvents(1)),
              HasSubstr(R"("fields":{"a":"x","n":"1.5","b":"/w=="},"base64":["b"]})"));
  const auto command = ReadAdd(R"({"stream":"s","fields":{"a":"x"},"max_length":1000})", "e1");
  const std::string id = Ask(*command).text;
  EXPECT_FALSE(id.empty());
  EXPECT_EQ(Ask(*command).text, id);
  EXPECT_EQ(Ask({"XLEN", "s"}).number, 1);
  const auto refused = Execute("add", R"({"stream":"s","fields":{}})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("fields: expected 1 to 1000 fields, got 0"));
}

// Attempts that fail because Redis is away are repeated by the task's policy.
TEST_F(RedisTest, AnAddWaitsForRedisToComeBack) {
  StartService(With({}));
  redis_.Kill();
  const std::string execution = Begin("add", R"({"stream":"s","fields":{"a":"x"}})");
  ASSERT_TRUE(redis_.Start());
  const auto added = Await(execution);
  EXPECT_TRUE(added) << added.error().message;
  EXPECT_EQ(Ask({"XLEN", "s"}).number, 1);
}

TEST_F(RedisTest, ALostConnectionIsBadHealthUntilItIsBack) {
  StartService(With({{"STREAMS", "orders"}, {"CHANNELS", "alerts"}}));
  AwaitSubscribers("alerts");
  ASSERT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  redis_.Kill();
  const std::string place = "Redis at 127.0.0.1:" + std::to_string(port_);
  ASSERT_TRUE(Eventually([&] { return Health().starts_with(place); })) << Health();
  EXPECT_THAT(Health(), Not(HasSubstr("topsecret")));
  ASSERT_TRUE(redis_.Start());
  EXPECT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  EXPECT_THAT(Log(), HasSubstr("connected again"));
  EXPECT_THAT(Log(), Not(HasSubstr("topsecret")));
}

TEST_F(RedisTest, AWrongPasswordIsSaidAndNotShown) {
  StartService({{"URL", "redis://:wrongsecret@127.0.0.1:" + std::to_string(port_)}});
  EXPECT_TRUE(Eventually([&] {
    return Log().find("Redis refused the login: WRONGPASS") != std::string::npos;
  })) << Log();
  EXPECT_THAT(Log(), Not(HasSubstr("wrongsecret")));
}

TEST_F(RedisTest, ABadConfigurationEndsTheServiceWithItsReason) {
  const auto output = Folder() / "bad.log";
  ChildProcess process({MESG_SERVICE_PROGRAM}, {{"URL", "http://:topsecret@h"}}, output, output);
  EXPECT_EQ(process.AwaitExit(), 1);
  EXPECT_THAT(ReadText(output), HasSubstr("redis: URL: expected redis:// or rediss://"));
  EXPECT_THAT(ReadText(output), Not(HasSubstr("topsecret")));
}

TEST_F(RedisTest, SpeaksTls) {
  const auto key = (Folder() / "key.pem").string();
  const auto certificate = (Folder() / "certificate.pem").string();
  ChildProcess make(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate},
      {}, Folder() / "openssl.log", Folder() / "openssl.log");
  ASSERT_EQ(make.AwaitExit(), 0) << ReadText(Folder() / "openssl.log");
  const std::uint16_t port = FreePort();
  Component secure({"redis-server", "--port", "0", "--tls-port", std::to_string(port), "--bind",
                    "127.0.0.1", "--save", "", "--tls-cert-file", certificate, "--tls-key-file",
                    key, "--tls-auth-clients", "no"},
                   port, Folder());
  ASSERT_TRUE(secure.Start()) << secure.Output();
  const std::string url = "rediss://127.0.0.1:" + std::to_string(port);
  StartService({{"URL", url}, {"CA_FILE", certificate}, {"STREAMS", "s"}, {"START", "oldest"}});
  const auto added = Execute("add", R"({"stream":"s","fields":{"a":"x"}})");
  ASSERT_TRUE(added) << added.error().message;
  AwaitEvents(1);
  // Without that certificate it is nobody we trust.
  StartService({{"URL", url}});
  EXPECT_TRUE(Eventually([&] { return Log().find("cannot connect: ") != std::string::npos; }))
      << Log();
}

}  // namespace
}  // namespace mesg::services::redis
