// What needs no server: the configuration, the inputs of tasks, what is missing in a stream.
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/config.h"
#include "redis/place.h"
#include "redis/tasks.h"

namespace mesg::services::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Config> Configured(std::map<std::string, std::string> variables) {
  return ReadConfig(Environment([variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }));
}

TEST(ConfigTest, ReadsWhatIsSet) {
  const Config config = Configured({{"URL", "rediss://ann:secret@h/3"},
                                    {"STREAMS", "b, a, b"},
                                    {"CHANNELS", "news.*,alerts"},
                                    {"START", "oldest"}})
                            .value();
  EXPECT_EQ(config.address.Place(), "h:6379");
  EXPECT_EQ(config.database, 3);
  EXPECT_THAT(config.streams, ElementsAre("a", "b"));
  EXPECT_TRUE(config.from_oldest);
  EXPECT_TRUE(IsPattern(config.channels[0]));
  EXPECT_FALSE(IsPattern(config.channels[1]));
  EXPECT_EQ(Configured({}).value().address.Place(), "localhost:6379");
}

TEST(ConfigTest, SaysWhatItExpected) {
  EXPECT_EQ(Configured({{"START", "first"}}).error().message,
            "START: expected one of oldest, new, got \"first\"");
  EXPECT_EQ(Configured({{"URL", "redis://h/two"}}).error().message,
            "URL: expected the number of a database behind the /, got \"two\"");
  const auto refused = Configured({{"URL", "http://:topsecret@h"}});
  EXPECT_THAT(refused.error().message, HasSubstr("URL: expected redis:// or rediss://"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("topsecret")));
}

TEST(CommandTest, TakesTextNumbersAndBytes) {
  EXPECT_THAT(ReadCommand(R"({"args":["SET","k",1.50,{"base64":"/w=="}]})").value(),
              ElementsAre("SET", "k", "1.50", "\xff"));
}

TEST(CommandTest, SaysWhatCannotBeOne) {
  const auto said = [](std::string_view inputs) { return ReadCommand(inputs).error().message; };
  EXPECT_EQ(said(R"({"args":[]})"), "args: expected a command, the list is empty");
  EXPECT_EQ(said(R"({"args":["GET",["k"]]})"), "args[1]: expected text, a number or a boolean");
  EXPECT_EQ(said(R"({"args":["GET",{"x":1}]})"),
            "args[1]: expected text, a number or {base64: text}");
  EXPECT_EQ(said(R"({"args":["GET",{"base64":"?"}]})"), "args[1]: expected base64 with padding");
  EXPECT_EQ(said(R"({"args":["multi"]})"),
            "args[0]: MULTI is not for a task, since it changes the connection");
  EXPECT_THAT(said(R"({"args":["SUBSCRIBE","a"]})"), HasSubstr("name the channel in CHANNELS"));
}

TEST(CommandTest, AddSaysWhatCannotBeAnEntry) {
  const auto said = [](std::string_view inputs) { return ReadAdd(inputs, "e").error().message; };
  EXPECT_EQ(said(R"({"stream":"","fields":{"a":1}})"), "stream: expected a name, it is empty");
  EXPECT_EQ(said(R"({"stream":"s","fields":{}})"), "fields: expected 1 to 1000 fields, got 0");
  EXPECT_EQ(said(R"({"stream":"s","fields":{"a":{"b":1}}})"),
            "fields.a: expected text, a number or a boolean");
  EXPECT_EQ(said(R"({"stream":"s","fields":{"a":"?"},"base64":["a"]})"),
            "fields.a: expected base64 with padding");
  EXPECT_THAT(said(R"({"stream":"s","fields":{"a":1},"max_length":0})"),
              HasSubstr("max_length: expected a whole number from 1"));
}

TEST(CommandTest, RepliesBecomeJson) {
  const Reply text{.kind = Reply::Kind::kText, .number = 0, .text = "ü", .items = {}};
  const Reply bytes{.kind = Reply::Kind::kText, .number = 0, .text = "\xff", .items = {}};
  const Reply number{.kind = Reply::Kind::kNumber, .number = -7, .text = {}, .items = {}};
  const Reply error{.kind = Reply::Kind::kError, .number = 0, .text = "ERR no", .items = {}};
  const Reply list{.kind = Reply::Kind::kList,
                   .number = 0,
                   .text = {},
                   .items = {text, bytes, number, error, Reply{}}};
  EXPECT_EQ(ReplyToJson(list), R"(["ü",{"base64":"/w=="},-7,{"error":"ERR no"},null])");
}

Snapshot Of(std::int64_t length, std::int64_t added, std::string first, std::string last) {
  return {.length = length,
          .added = added,
          .first = std::move(first),
          .last = std::move(last),
          .entries = {}};
}

std::string Told(Place place, const Snapshot& snapshot, bool beginning = false) {
  const auto gap = FindGap(place, snapshot, beginning);
  const std::string then = place.id + " " + std::to_string(place.added);
  if (!gap) return "nothing, " + then;
  if (gap->replaced) return "replaced, " + then;
  return (gap->lost ? std::to_string(*gap->lost) + " lost, " : "some lost, ") + then;
}

TEST(PlaceTest, TellsEntriesThatLeftUnreadFromThoseThatWereRead) {
  const Place place{.id = "5-0", .added = 5};
  EXPECT_EQ(Told(place, Of(7, 8, "2-0", "8-0")), "nothing, 5-0 5");
  EXPECT_EQ(Told(place, Of(3, 8, "6-0", "8-0")), "nothing, 5-0 5");
  EXPECT_EQ(Told(place, Of(1, 8, "8-0", "8-0")), "2 lost, 5-0 7");
  EXPECT_EQ(Told(place, Of(0, 8, "", "8-0")), "3 lost, 5-0 8");
  EXPECT_EQ(Told(place, Of(0, 5, "", "5-0")), "nothing, 5-0 5");
}

TEST(PlaceTest, KnowsAStreamThatBeganAgain) {
  const Place place{.id = "5-0", .added = 5};
  EXPECT_EQ(Told(place, Of(2, 2, "1-0", "2-0")), "replaced, 0-0 0");
  EXPECT_EQ(Told(place, Of(2, 2, "8-0", "9-0")), "replaced, 5-0 0");
}

// Redis says how many were ever added since version 7.
TEST(PlaceTest, WithoutCountsItIsAGuessMadeOnce) {
  const Place place{.id = "5-0", .added = -1};
  EXPECT_EQ(Told(place, Of(1, -1, "8-0", "8-0"), true), "some lost, 5-0 -1");
  EXPECT_EQ(Told(place, Of(1, -1, "8-0", "8-0"), false), "nothing, 5-0 -1");
  EXPECT_EQ(Told(place, Of(0, -1, "", "5-0"), true), "nothing, 5-0 -1");
  EXPECT_EQ(Told({}, Of(1, -1, "8-0", "8-0"), true), "nothing, 0-0 -1");
}

TEST(PlaceTest, IsKeptAsJson) {
  const Place place{.id = "5-1", .added = 12};
  EXPECT_EQ(place.ToJson(), R"({"id":"5-1","added":12})");
  EXPECT_EQ(Place::FromJson(place.ToJson()).value().added, 12);
}

TEST(PlaceTest, AnEntryBecomesAnEvent) {
  const sdk::Event event =
      EntryEvent("s", {.id = "1-0", .bytes = 9, .parts = {"a", "1", "b", "\xff", "a", "2"}});
  EXPECT_EQ(event.id, "s/1-0");
  EXPECT_EQ(event.json,
            R"({"stream":"s","id":"1-0","fields":{"a":["1","2"],"b":"/w=="},"base64":["b"]})");
  EXPECT_EQ(EntryEvent("s", {.id = "1-0", .bytes = 9'000'000, .parts = {}}).json,
            R"({"stream":"s","id":"1-0","fields":{},"cut":9000000})");
}

}  // namespace
}  // namespace mesg::services::redis
