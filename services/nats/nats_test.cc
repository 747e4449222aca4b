// The service against a real nats-server with JetStream, under a real Core.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "nats/handles.h"

namespace mesg::services::nats {
namespace {

using mesg::testing::ChildProcess;
using mesg::testing::Eventually;
using mesg::testing::ReadText;
using ::testing::HasSubstr;
using ::testing::Not;

class NatsTest : public ServiceTest {
 protected:
  NatsTest()
      : ServiceTest("nats"),
        port_(FreePort()),
        server_({"nats-server", "-a", "127.0.0.1", "-p", std::to_string(port_), "-js", "-sd",
                 (Folder() / "store").string(), "--user", "ann", "--pass", "topsecret"},
                port_, Folder()) {}

  void SetUp() override { ASSERT_TRUE(server_.Start()) << server_.Output(); }

  std::string Url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  Texts With(Texts more) const {
    more.insert({{"URL", Url()}, {"USER", "ann"}, {"PASSWORD", "topsecret"}});
    return more;
  }

  /// A connection of the test, as soon as there is a server.
  ConnectionHandle Reach() const {
    Config config;
    config.urls = {Url()};
    config.user = "ann";
    config.password = "topsecret";
    ConnectionHandle made;
    EXPECT_TRUE(Eventually([&] {
      auto connection = Connect(config);
      if (connection) made = *std::move(connection);
      return made != nullptr;
    }));
    return made;
  }
  void MakeStream(const std::string& name, const std::string& subject, std::int64_t most = -1) {
    const ConnectionHandle connection = Reach();
    const JetStreamHandle context = JetStreamOf(connection.get()).value();
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subjects[] = {subject.c_str()};
    config.Name = name.c_str();
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.MaxMsgs = most;
    ASSERT_EQ(js_AddStream(nullptr, context.get(), &config, nullptr, nullptr), NATS_OK);
  }
  /// Into a stream, which takes it once for one `id`, whatever is killed.
  void Store(const std::string& subject, const std::string& payload, const std::string& id = "") {
    ASSERT_TRUE(Eventually([&] {
      const ConnectionHandle connection = Reach();
      const auto context = JetStreamOf(connection.get());
      jsPubOptions options;
      jsPubOptions_Init(&options);
      if (!id.empty()) options.MsgId = id.c_str();
      return context && js_Publish(nullptr, context->get(), subject.c_str(), payload.data(),
                                   static_cast<int>(payload.size()), &options, nullptr) == NATS_OK;
    }));
  }
  /// Waits until the service listens on `subject`, by messages "probe".
  void AwaitListener(const std::string& subject) {
    const ConnectionHandle connection = Reach();
    ASSERT_TRUE(Eventually([&] {
      natsConnection_PublishString(connection.get(), subject.c_str(), "probe");
      natsConnection_Flush(connection.get());
      return DataOf(Events()).find("probe") != std::string::npos;
    })) << Log();
  }

  const std::uint16_t port_;
  Component server_;
};

TEST_F(NatsTest, MessagesOfSubjectsBecomeEvents) {
  StartService(With({{"SUBJECTS", "ready, news.>"}}));
  AwaitListener("ready");
  const ConnectionHandle connection = Reach();
  natsMsg* message = nullptr;
  ASSERT_EQ(natsMsg_Create(&message, "news.de", "answers.1", "\xff\x00", 2), NATS_OK);
  const MessageHandle owner(message);
  natsMsgHeader_Add(message, "Lang", "de");
  natsMsgHeader_Add(message, "Tag", "a");
  natsMsgHeader_Add(message, "Tag", "b");
  ASSERT_EQ(natsConnection_PublishMsg(connection.get(), message), NATS_OK);
  natsConnection_PublishString(connection.get(), "news.fr", "\"été\"");
  natsConnection_PublishString(connection.get(), "other", "no");
  natsConnection_PublishString(connection.get(), "news.last", "");
  ASSERT_EQ(natsConnection_Flush(connection.get()), NATS_OK);
  std::string all;
  ASSERT_TRUE(Eventually([&] {
    all.clear();
    for (const Event& event : Events()) {
      if (event.data.find("probe") == std::string::npos) all += event.data + " ";
    }
    return all.find("news.last") != std::string::npos;
  }));
  EXPECT_EQ(all,
            R"({"subject":"news.de","reply":"answers.1","headers":{"Lang":"de","Tag":["a","b"]},)"
            R"("payload":"/wA=","base64":true} )"
            R"({"subject":"news.fr","headers":{},"payload":"\"été\"","base64":false} )"
            R"({"subject":"news.last","headers":{},"payload":"","base64":false} )");
}

TEST_F(NatsTest, StoredMessagesBecomeEventsFromTheOldestOrTheNextOne) {
  MakeStream("ORDERS", "orders.*");
  Store("orders.new", "1");
  Store("orders.old", "\xff");
  StartService(With({{"STREAMS", "ORDERS, ORDERS:orders.new"}, {"START", "oldest"}}));
  AwaitEvents(3);
  Store("orders.new", "3");
  std::string whole;
  std::string part;
  for (const Event& event : AwaitEvents(5)) {
    EXPECT_EQ(event.key, "stored");
    EXPECT_THAT(event.data, HasSubstr(R"({"stream":"ORDERS","sequence":)"));
    EXPECT_THAT(event.data, HasSubstr(R"("time":"20)"));
    part += event.data;
  }
  EXPECT_THAT(part,
              HasSubstr(R"("subject":"orders.old","headers":{},"payload":"/w==","base64":true})"));
  StartService(With({{"STREAMS", "ORDERS"}}));
  ASSERT_TRUE(Eventually([&] {
    Store("orders.new", "later");
    return DataOf(Events()).find("later") != std::string::npos;
  }));
}

// The server, the service and Core are killed while messages come: each becomes one event, in
// order.
TEST_F(NatsTest, KillsOnEverySideLoseAndDoubleNothing) {
  constexpr int kMessages = 1'000;
  MakeStream("ORDERS", "orders.*");
  StartService(With({{"STREAMS", "ORDERS"}, {"START", "oldest"}}));
  std::atomic<int> written = 0;
  std::jthread writer([&] {
    for (int i = 1; i <= kMessages; ++i) {
      Store("orders.new", std::to_string(i), "m" + std::to_string(i));
      written = i;
    }
  });
  const auto await = [&](int count) { ASSERT_TRUE(Eventually([&] { return written >= count; })); };
  await(150);
  KillService();
  await(300);
  server_.Kill();
  ASSERT_TRUE(server_.Start());
  await(500);
  KillCore();
  await(650);
  StartCore();
  await(800);
  KillService();
  writer.join();
  std::vector<Event> events;
  // A kill of the server may have taken what it had not yet written, and the writer's message is
  // then stored again under another number: the payload tells which it is.
  ASSERT_TRUE(Eventually([&] {
    events = Events();
    return !events.empty() && events.back().data.find("\"payload\":\"1000\"") != std::string::npos;
  })) << Log();
  ASSERT_EQ(events.size(), static_cast<std::size_t>(kMessages));
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_THAT(events[static_cast<std::size_t>(i)].data,
                HasSubstr("\"payload\":\"" + std::to_string(i + 1) + "\""));
  }
}

TEST_F(NatsTest, WhatLeftAStreamUnreadIsTold) {
  MakeStream("ORDERS", "orders.*", /*most=*/2);
  StartService(With({{"STREAMS", "ORDERS"}, {"START", "oldest"}}));
  Store("orders.new", "1");
  AwaitEvents(1);
  KillCore();
  for (const char* payload : {"2", "3", "4", "5"}) Store("orders.new", payload);
  StartCore();
  const auto events = AwaitEvents(4);
  EXPECT_THAT(events[0].id, ::testing::StartsWith("ORDERS/1/"));
  EXPECT_EQ(events[1].data, R"({"kind":"removed","stream":"ORDERS","after":1,"lost":2})");
  EXPECT_THAT(events[3].data, HasSubstr(R"("payload":"5")"));
  KillCore();
  {
    const ConnectionHandle connection = Reach();
    const JetStreamHandle context = JetStreamOf(connection.get()).value();
    ASSERT_EQ(js_DeleteStream(context.get(), "ORDERS", nullptr, nullptr), NATS_OK);
  }
  MakeStream("ORDERS", "orders.*");
  Store("orders.new", "again");
  StartCore();
  const auto all = AwaitEvents(6);
  EXPECT_EQ(all[4].data, R"({"kind":"replaced","stream":"ORDERS","after":5})");
  EXPECT_THAT(all[5].data, HasSubstr(R"("sequence":1,)"));
}

// A disk that comes back from a copy: numbers that we have read are given to new messages.
TEST_F(NatsTest, AStreamThatLostItsEndIsReadOn) {
  MakeStream("ORDERS", "orders.*");
  Store("orders.new", "1");
  server_.Stop();
  std::filesystem::copy(Folder() / "store", Folder() / "copy",
                        std::filesystem::copy_options::recursive);
  ASSERT_TRUE(server_.Start());
  StartService(With({{"STREAMS", "ORDERS"}, {"START", "oldest"}}));
  Store("orders.new", "2");
  Store("orders.new", "3");
  AwaitEvents(3);
  server_.Kill();
  std::filesystem::remove_all(Folder() / "store");
  std::filesystem::rename(Folder() / "copy", Folder() / "store");
  ASSERT_TRUE(server_.Start());
  EXPECT_EQ(AwaitEvents(4)[3].data, R"({"kind":"shortened","stream":"ORDERS","after":3})");
  Store("orders.new", "another");
  EXPECT_THAT(AwaitEvents(5)[4].data, HasSubstr(R"("sequence":2,)"));
}

TEST_F(NatsTest, AConnectionThatWasAwayIsAGapInItsSubjects) {
  StartService(With({{"SUBJECTS", "news"}}));
  AwaitListener("news");
  server_.Kill();
  ASSERT_TRUE(server_.Start());
  ASSERT_TRUE(Eventually([&] {
    return DataOf(Events()).find(R"({"kind":"subjects","subjects":["news"],"since":"20)") !=
           std::string::npos;
  })) << Log();
}

// Core stands still while more comes than is kept: what was dropped is counted.
TEST_F(NatsTest, WhatCameFasterThanCoreTookItIsTold) {
  constexpr std::int64_t kMessages = 40'000;
  StartService(With({{"SUBJECTS", "news"}}));
  AwaitListener("news");
  Core().Signal(SIGSTOP);
  {
    const ConnectionHandle connection = Reach();
    for (std::int64_t i = 0; i < kMessages; ++i) {
      ASSERT_EQ(natsConnection_PublishString(connection.get(), "news", "x"), NATS_OK);
    }
    ASSERT_EQ(natsConnection_Flush(connection.get()), NATS_OK);
  }
  Core().Signal(SIGCONT);
  std::int64_t taken = 0;
  std::int64_t lost = 0;
  EXPECT_TRUE(Eventually([&] {
    taken = 0;
    lost = 0;
    for (const Event& event : Events()) {
      if (event.data.find(R"("payload":"x")") != std::string::npos) ++taken;
      const auto at = event.data.find(R"("lost":)");
      if (at != std::string::npos) lost += std::stoll(event.data.substr(at + 7));
    }
    return taken + lost == kMessages;
  })) << taken
      << " + " << lost;
  EXPECT_GT(lost, 0);
}

TEST_F(NatsTest, PublishesOnceIntoAStream) {
  MakeStream("ORDERS", "orders.*");
  StartService(With({{"SUBJECTS", "news"}, {"STREAMS", "ORDERS"}}));
  AwaitListener("news");
  EXPECT_EQ(Execute("publish", R"({"subject":"orders.new","payload":{"n":1},"stored":true,)"
                               R"("headers":{"A":"b"}})")
                .value(),
            R"({"stream":"ORDERS","sequence":1,"duplicate":false})");
  EXPECT_EQ(Execute("publish", R"({"subject":"news","payload":"/w==","base64":true})").value(),
            "{}");
  ASSERT_TRUE(Eventually([&] {
    const std::string all = DataOf(Events());
    return all.find(R"("payload":"/w==","base64":true)") != std::string::npos &&
           all.find(R"("A":"b")") != std::string::npos;
  })) << DataOf(Events());
  EXPECT_THAT(DataOf(Events()), HasSubstr(R"("Nats-Msg-Id":")"));
  const auto refused = Execute("publish", R"({"subject":"a b"})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("subject: expected a subject like orders.new"));
}

// Attempts that fail because the server is away are repeated by the task's policy.
TEST_F(NatsTest, APublishWaitsForTheServerToComeBack) {
  MakeStream("ORDERS", "orders.*");
  StartService(With({}));
  server_.Kill();
  const std::string execution =
      Begin("publish", R"({"subject":"orders.new","payload":"x","stored":true})");
  ASSERT_TRUE(server_.Start());
  const auto published = Await(execution);
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_THAT(*published, HasSubstr(R"("sequence":1)"));
}

TEST_F(NatsTest, RequestsAreAnsweredOrSayWhyNot) {
  StartService(With({}));
  const ConnectionHandle connection = Reach();
  natsSubscription* made = nullptr;
  ASSERT_EQ(natsConnection_Subscribe(
                &made, connection.get(), "double",
                [](natsConnection* theirs, natsSubscription*, natsMsg* message, void*) {
                  const MessageHandle owner(message);
                  const std::string data(natsMsg_GetData(message),
                                         static_cast<std::size_t>(natsMsg_GetDataLength(message)));
                  const std::string twice = data + data;
                  natsConnection_PublishString(theirs, natsMsg_GetReply(message), twice.c_str());
                },
                nullptr),
            NATS_OK);
  const SubscriptionHandle subscription(made);
  natsSubscription* silent = nullptr;
  ASSERT_EQ(natsConnection_SubscribeSync(&silent, connection.get(), "silent"), NATS_OK);
  const SubscriptionHandle owner(silent);
  ASSERT_EQ(natsConnection_Flush(connection.get()), NATS_OK);
  EXPECT_EQ(Execute("request", R"({"subject":"double","payload":"ab"})").value(),
            R"({"headers":{},"payload":"abab","base64":false})");
  const auto late = Execute("request", R"({"subject":"silent","payload":"ab","timeout":"20ms"})");
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("no answer on silent in 20ms; the request was sent"));
  const auto nobody = Execute("request", R"({"subject":"nobody"})");
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("nobody listens on nobody"));
}

TEST_F(NatsTest, ALostConnectionIsBadHealthUntilItIsBack) {
  MakeStream("ORDERS", "orders.*");
  StartService(With({{"STREAMS", "ORDERS"}, {"SUBJECTS", "news"}}));
  AwaitListener("news");
  ASSERT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  server_.Kill();
  const std::string place = "NATS at 127.0.0.1:" + std::to_string(port_);
  ASSERT_TRUE(Eventually([&] { return Health().starts_with(place); })) << Health();
  ASSERT_TRUE(server_.Start());
  EXPECT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  EXPECT_THAT(Log(), Not(HasSubstr("topsecret")));
}

TEST_F(NatsTest, AMissingStreamAndAWrongPasswordAreSaid) {
  StartService(With({{"STREAMS", "NONE"}}));
  EXPECT_TRUE(Eventually([&] {
    return Health().find("cannot read stream NONE: ") != std::string::npos;
  })) << Health();
  StartService({{"URL", Url()}, {"USER", "ann"}, {"PASSWORD", "wrongsecret"}});
  EXPECT_TRUE(Eventually([&] { return Health().find("cannot connect") != std::string::npos; }))
      << Health();
  EXPECT_THAT(Log() + Health(), Not(HasSubstr("wrongsecret")));
}

TEST_F(NatsTest, ABadConfigurationEndsTheServiceWithItsReason) {
  const auto output = Folder() / "bad.log";
  ChildProcess process({MESG_SERVICE_PROGRAM}, {{"STREAMS", "a b"}}, output, output);
  EXPECT_EQ(process.AwaitExit(), 1);
  EXPECT_THAT(ReadText(output), HasSubstr("nats: STREAMS: expected NAME or NAME:SUBJECT"));
}

TEST_F(NatsTest, SpeaksTlsAndTakesAToken) {
  const auto key = (Folder() / "key.pem").string();
  const auto certificate = (Folder() / "certificate.pem").string();
  ChildProcess make(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate},
      {}, Folder() / "openssl.log", Folder() / "openssl.log");
  ASSERT_EQ(make.AwaitExit(), 0) << ReadText(Folder() / "openssl.log");
  const std::uint16_t port = FreePort();
  Component secure({"nats-server", "-a", "127.0.0.1", "-p", std::to_string(port), "--tls",
                    "--tlscert", certificate, "--tlskey", key, "--auth", "topsecret"},
                   port, Folder());
  ASSERT_TRUE(secure.Start()) << secure.Output();
  const std::string url = "tls://localhost:" + std::to_string(port);
  StartService({{"URL", url}, {"CA_FILE", certificate}, {"TOKEN", "topsecret"}});
  const auto published = Execute("publish", R"({"subject":"a"})");
  EXPECT_TRUE(published) << published.error().message;
  // Without that certificate it is nobody we trust.
  StartService({{"URL", url}, {"TOKEN", "topsecret"}});
  EXPECT_TRUE(Eventually([&] { return Health().find("cannot connect") != std::string::npos; }))
      << Health();
  EXPECT_THAT(Log(), Not(HasSubstr("topsecret")));
}

}  // namespace
}  // namespace mesg::services::nats
