// What needs no server: the configuration, the inputs of tasks, a place.
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nats/config.h"
#include "nats/stream.h"
#include "nats/tasks.h"

namespace mesg::services::nats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

Result<Config> Configured(std::map<std::string, std::string> variables) {
  return ReadConfig(Environment([variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }));
}

TEST(ConfigTest, ReadsWhatIsSet) {
  const Config config = Configured({{"URL", "nats://ann:secret@a, tls://b:4333"},
                                    {"SUBJECTS", "news.*, orders.>"},
                                    {"STREAMS", "ORDERS, AUDIT:audit.eu.>"}})
                            .value();
  EXPECT_EQ(config.place, "a:4222, b:4333");
  EXPECT_THAT(config.subjects, ElementsAre("news.*", "orders.>"));
  EXPECT_EQ(config.streams.at(0).filter, "");
  EXPECT_EQ(config.streams.at(1).name, "AUDIT");
  EXPECT_EQ(config.streams.at(1).filter, "audit.eu.>");
  EXPECT_EQ(Configured({}).value().place, "localhost:4222");
}

TEST(ConfigTest, SaysWhatItExpected) {
  const auto said = [](std::map<std::string, std::string> variables) {
    return Configured(std::move(variables)).error().message;
  };
  EXPECT_THAT(said({{"URL", "http://:topsecret@h"}}), HasSubstr("URL: expected nats:// or tls://"));
  EXPECT_THAT(said({{"URL", "http://:topsecret@h"}}), Not(HasSubstr("topsecret")));
  EXPECT_EQ(said({{"USER", "ann"}, {"TOKEN", "topsecret"}}),
            "USER, TOKEN, CREDS_FILE: expected one of them, got several");
  EXPECT_EQ(said({{"SUBJECTS", "a..b"}}),
            "SUBJECTS: expected a subject like orders.new or orders.*, got \"a..b\"");
  EXPECT_EQ(said({{"STREAMS", "a.b"}}), "STREAMS: expected NAME or NAME:SUBJECT, got \"a.b\"");
  EXPECT_EQ(said({{"START", "now"}}), "START: expected one of oldest, new, got \"now\"");
}

TEST(OutgoingTest, IsReadFromInputs) {
  const Outgoing outgoing =
      ReadOutgoing(
          R"({"subject":"a.b","payload":{"x":1},"headers":{"A":"b","N":1},"timeout":"1500ms"})")
          .value();
  EXPECT_EQ(outgoing.subject, "a.b");
  EXPECT_EQ(outgoing.payload, R"({"x":1})");
  EXPECT_THAT(outgoing.headers, ElementsAre(Pair("A", "b"), Pair("N", "1")));
  EXPECT_EQ(outgoing.timeout_ms, 1'500);
}

TEST(OutgoingTest, SaysWhatCannotBeSent) {
  const auto said = [](std::string_view inputs) { return ReadOutgoing(inputs).error().message; };
  for (const char* subject : {"", "a b", "a.*", ">", ".a", "a.", "a\\nb"}) {
    EXPECT_THAT(said(std::string(R"({"subject":")") + subject + "\"}"),
                HasSubstr("subject: expected a subject like orders.new without wildcards"))
        << subject;
  }
  EXPECT_THAT(said(R"({"subject":"a","reply":"b c"})"), HasSubstr("reply: expected a subject"));
  EXPECT_EQ(said(R"({"subject":"a","headers":{"x:y":"b"}})"),
            "headers: \"x:y\" is not a header's name");
  EXPECT_EQ(said(R"({"subject":"a","headers":{"x":"a\r\nb"}})"), "headers.x: holds a line break");
  EXPECT_EQ(said(R"({"subject":"a","payload":"?","base64":true})"),
            "payload: expected base64 with padding");
  EXPECT_EQ(said(R"({"subject":"a","timeout":"1h"})"),
            "timeout: expected a duration such as 5s, at most 5m, got \"1h\"");
}

TEST(PlaceTest, IsKeptAsJson) {
  const Place place{.sequence = 7, .created = 1'700'000'000'123'456'789};
  EXPECT_EQ(place.ToJson(), R"({"sequence":7,"created":1700000000123456789})");
  EXPECT_EQ(Place::FromJson(place.ToJson()).value().created, place.created);
}

}  // namespace
}  // namespace mesg::services::nats
