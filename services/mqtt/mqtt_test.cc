// The service against a real mosquitto, under a real Core.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "mqtt/client.h"
#include "mqtt/config.h"
#include "mqtt/tasks.h"

namespace mesg::services::mqtt {
namespace {

using mesg::testing::ChildProcess;
using mesg::testing::Eventually;
using mesg::testing::ReadText;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Config> Configured(std::map<std::string, std::string> variables) {
  return ReadConfig(Environment([variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }));
}

TEST(ConfigTest, ReadsWhatIsSetOrSaysWhatItExpected) {
  const Config config =
      Configured({{"URL", "mqtts://ann:secret@h"}, {"TOPICS", "a/#:2, b/+, c:d:0"}}).value();
  EXPECT_EQ(config.address.Place(), "h:8883");
  EXPECT_EQ(config.topics.at(0).qos, 2);
  EXPECT_EQ(config.topics.at(1).qos, 1);
  EXPECT_EQ(config.topics.at(2).filter, "c:d");
  EXPECT_EQ(Configured({{"TOPICS", "a/#/b"}}).error().message,
            "TOPICS: expected a topic filter like a/#:2 or b/+:1, got \"a/#/b\"");
  EXPECT_EQ(Configured({{"KEEPALIVE", "1s"}}).error().message,
            "KEEPALIVE: expected 5s to 18h12m15s, got 1s");
  EXPECT_THAT(Configured({{"URL", "http://:topsecret@h"}}).error().message,
              Not(HasSubstr("topsecret")));
}

TEST(OutgoingTest, SaysWhatCannotBeSent) {
  const auto said = [](std::string_view inputs) { return ReadOutgoing(inputs).error().message; };
  EXPECT_EQ(said(R"({"topic":"a/#"})"),
            "topic: expected one like a/b without + and #, got \"a/#\"");
  EXPECT_EQ(said(R"({"topic":"a","qos":3})"), "qos: expected a whole number from 0 to 2, got 3");
  EXPECT_EQ(said(R"({"topic":"a","payload":"?","base64":true})"),
            "payload: expected base64 with padding");
}

class MqttTest : public ServiceTest {
 protected:
  MqttTest()
      : ServiceTest("mqtt"),
        port_(FreePort()),
        broker_({"mosquitto", "-c", (Folder() / "mosquitto.conf").string()}, port_, Folder()) {}

  void SetUp() override {
    // What it has acknowledged it keeps over a SIGTERM; a kill -9 costs what came since it saved.
    Files().Write("mosquitto.conf", "listener " + std::to_string(port_) +
                                        " 127.0.0.1\nallow_anonymous true\npersistence true\n"
                                        "persistence_location " +
                                        Folder().string() + "/\nuser root\n");
    ASSERT_TRUE(broker_.Start()) << broker_.Output();
  }

  std::string Url() const { return "mqtt://ann:topsecret@127.0.0.1:" + std::to_string(port_); }
  Texts With(Texts more) const {
    more.emplace("URL", Url());
    return more;
  }
  /// Until the broker has it.
  void Publish(const std::string& topic, const std::string& payload, int qos) const {
    const Config config = Configured({{"URL", Url()}}).value();
    ASSERT_TRUE(Eventually([&] {
      const auto client = Client::Open(config);
      return client && (*client)->Publish(topic, payload, qos, false);
    }));
  }
  /// Waits until the service hears `topic`, and with it the filters before that one.
  void AwaitListener(const std::string& topic) {
    const std::string heard = R"({"topic":")" + topic + R"(","payload":"probe")";
    ASSERT_TRUE(Eventually([&] {
      Publish(topic, "probe", 0);
      return DataOf(Events()).find(heard) != std::string::npos;
    })) << Log();
  }

  const std::uint16_t port_;
  Component broker_;
};

TEST_F(MqttTest, MessagesOfEveryKindBecomeEvents) {
  StartService(With({{"TOPICS", "a/#:2, b/+:1"}}));
  AwaitListener("b/ready");
  Publish("c", "no", 2);
  Publish("a/x/y", "grün \"x\"", 2);
  Publish("b/x", std::string("\xff\x00", 2), 1);
  Publish("a", "", 0);
  // Of different qualities of service they come in any order.
  const auto has = [&](const std::string& event) {
    return Eventually([&] { return DataOf(Events()).find(event) != std::string::npos; });
  };
  EXPECT_TRUE(
      has(R"({"topic":"a/x/y","payload":"grün \"x\"","base64":false,"qos":1,"retain":false})"));
  EXPECT_TRUE(has(R"({"topic":"b/x","payload":"/wA=","base64":true,"qos":1,"retain":false})"));
  EXPECT_TRUE(has(R"({"topic":"a","payload":"","base64":false,"qos":0,"retain":false})"));
  EXPECT_THAT(DataOf(Events()), Not(HasSubstr(R"("topic":"c")")));
}

// The service and Core are killed, and the broker is restarted, while messages come: none is lost.
TEST_F(MqttTest, KillsLoseNothingOfQualityOneAndTwo) {
  constexpr int kMessages = 600;
  StartService(With({{"TOPICS", "a/#:2"}}));
  AwaitListener("a/ready");
  std::atomic<int> written = 0;
  std::jthread writer([&] {
    for (int i = 1; i <= kMessages; ++i) {
      Publish("a/n", "<" + std::to_string(i) + ">", 1 + i % 2);
      written = i;
    }
  });
  const auto await = [&](int count) { ASSERT_TRUE(Eventually([&] { return written >= count; })); };
  await(100);
  KillService();
  await(200);
  KillCore();
  await(300);
  StartCore();
  await(400);
  broker_.Stop();
  ASSERT_TRUE(broker_.Start());
  await(500);
  KillService();
  writer.join();
  std::set<std::string> missing;
  EXPECT_TRUE(Eventually([&] {
    const std::string all = DataOf(Events());
    missing.clear();
    for (int i = 1; i <= kMessages; ++i) {
      const std::string payload = "\"<" + std::to_string(i) + ">\"";
      if (all.find(payload) == std::string::npos) missing.insert(payload);
    }
    return missing.empty();
  })) << missing.size()
      << " are missing, " << *missing.begin() << " first";
}

// A connection may end at any point: what was taken and not settled is not acknowledged.
TEST_F(MqttTest, WhatIsNotSettledComesAgain) {
  const Config config = Configured({{"URL", Url()}}).value();
  std::set<std::string> taken;
  bool durable = false;
  const Hearer hearer{.client_id = "hearer",
                      .take = [&](const Message& message) { taken.emplace(message.payload); },
                      .settle = [&]() -> Result<void> {
                        if (durable || taken.empty()) return {};
                        return Unavailable("not durable");
                      }};
  const auto read_until = [&](Client& client, const std::string& payload) {
    EXPECT_TRUE(Eventually([&] {
      EXPECT_TRUE(client.Read(std::chrono::milliseconds(10)));
      return taken.contains(payload);
    }));
  };
  {
    const auto client = Client::Open(config, hearer).value();
    EXPECT_FALSE(client->Known());
    ASSERT_TRUE(client->Subscribe({.filter = "a", .qos = 2}, {}));
    Publish("a", "one", 1);
    Publish("a", "two", 2);
    read_until(*client, "two");
    EXPECT_EQ(client->Flush().error().message, "not durable");
  }
  taken.clear();
  {
    const auto client = Client::Open(config, hearer).value();
    EXPECT_TRUE(client->Known());
    // Whether they come before the broker's answer or behind it.
    const auto subscribed = client->Subscribe({.filter = "a", .qos = 2}, {});
    read_until(*client, "two");
    EXPECT_TRUE(subscribed || subscribed.error().message == "not durable");
  }
  taken.clear();
  {
    const auto client = Client::Open(config, hearer).value();
    read_until(*client, "two");
    EXPECT_EQ(taken, (std::set<std::string>{"one", "two"}));
    durable = true;
    // The answer to this stands behind the acknowledgements.
    ASSERT_TRUE(client->Subscribe({.filter = "a", .qos = 1}, {}));
  }
  taken.clear();
  const auto client = Client::Open(config, hearer).value();
  Publish("a", "three", 1);
  read_until(*client, "three");
  EXPECT_EQ(taken, std::set<std::string>{"three"});
}

TEST_F(MqttTest, WhatWasNotKeptIsAGap) {
  StartService(With({{"TOPICS", "a:0, b:1"}}));
  AwaitListener("a");
  KillService();
  const auto has = [&](const std::string& text) {
    return Eventually([&] { return DataOf(Events()).find(text) != std::string::npos; });
  };
  EXPECT_TRUE(has(R"({"kind":"connection","topics":["a"],"since":"20)")) << DataOf(Events());
  broker_.Kill();
  std::filesystem::remove(Folder() / "mosquitto.db");
  ASSERT_TRUE(broker_.Start());
  EXPECT_TRUE(has(R"({"kind":"session","topics":["a","b"],"since":"20)")) << DataOf(Events());
}

TEST_F(MqttTest, PublishesAndWaitsForABrokerThatIsAway) {
  StartService(With({{"TOPICS", "a/#:2"}}));
  AwaitListener("a/ready");
  EXPECT_EQ(Execute("publish", R"({"topic":"a/b","payload":{"n":1},"qos":2})").value(),
            R"({"qos":2})");
  EXPECT_TRUE(Eventually([&] {
    return DataOf(Events()).find(R"("payload":"{\"n\":1}","base64":false,"qos":1)") !=
           std::string::npos;
  }));
  const auto refused = Execute("publish", R"({"topic":"a/#"})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("topic: expected one like a/b"));
  broker_.Stop();
  const std::string execution =
      Begin("publish", R"({"topic":"a/late","payload":"/w==","base64":true})");
  ASSERT_TRUE(broker_.Start());
  const auto published = Await(execution);
  EXPECT_TRUE(published) << published.error().message;
}

TEST_F(MqttTest, ALostConnectionIsBadHealthUntilItIsBack) {
  StartService(With({{"TOPICS", "a:1"}}));
  AwaitListener("a");
  ASSERT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  broker_.Kill();
  const std::string place = "MQTT broker at 127.0.0.1:" + std::to_string(port_);
  ASSERT_TRUE(Eventually([&] { return Health().starts_with(place); })) << Health();
  ASSERT_TRUE(broker_.Start());
  EXPECT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  EXPECT_THAT(Log(), Not(HasSubstr("topsecret")));
}

TEST_F(MqttTest, ABadConfigurationEndsTheServiceWithItsReason) {
  const auto output = Folder() / "bad.log";
  ChildProcess process({MESG_SERVICE_PROGRAM}, {{"TOPICS", "#/a"}}, output, output);
  EXPECT_EQ(process.AwaitExit(), 1);
  EXPECT_THAT(ReadText(output), HasSubstr("mqtt: TOPICS: expected a topic filter"));
}

TEST_F(MqttTest, SpeaksTlsAndTrustsWhomItIsTold) {
  const auto key = (Folder() / "key.pem").string();
  const auto certificate = (Folder() / "certificate.pem").string();
  ChildProcess make(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate},
      {}, Folder() / "openssl.log", Folder() / "openssl.log");
  ASSERT_EQ(make.AwaitExit(), 0) << ReadText(Folder() / "openssl.log");
  const std::uint16_t port = FreePort();
  Files().Write("secure.conf", "listener " + std::to_string(port) +
                                   " 127.0.0.1\nallow_anonymous true\nuser root\ncertfile " +
                                   certificate + "\nkeyfile " + key + "\n");
  Component secure({"mosquitto", "-c", (Folder() / "secure.conf").string()}, port, Folder());
  ASSERT_TRUE(secure.Start()) << secure.Output();
  const std::string url = "mqtts://ann:topsecret@localhost:" + std::to_string(port);
  StartService({{"URL", url}, {"CA_FILE", certificate}, {"TOPICS", "a:1"}});
  // Once more until the service has subscribed.
  EXPECT_TRUE(Eventually([&] {
    const auto published = Execute("publish", R"({"topic":"a","payload":"hidden"})");
    EXPECT_TRUE(published) << published.error().message;
    return DataOf(Events()).find("hidden") != std::string::npos;
  }));
  // Without that certificate it is nobody we trust.
  StartService({{"URL", url}, {"TOPICS", "a:1"}});
  EXPECT_TRUE(Eventually([&] { return Health().starts_with("MQTT broker at localhost:"); }))
      << Health();
  EXPECT_THAT(Log(), Not(HasSubstr("topsecret")));
}

}  // namespace
}  // namespace mesg::services::mqtt
