// The service as it ships, under a real Core that is killed, as it is itself.
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/clock.h"
#include "connector/service_test_support.h"

namespace mesg::services {
namespace {

using mesg::testing::Eventually;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string Text(const std::string& json, std::string_view key) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  std::string_view text;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document[key].get(text) != simdjson::SUCCESS) {
    return {};
  }
  return std::string(text);
}

std::uint64_t Number(const std::string& json, std::string_view key) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  std::uint64_t number = 0;
  EXPECT_EQ(parser.iterate(padded).get(document), simdjson::SUCCESS) << json;
  EXPECT_EQ(document[key].get(number), simdjson::SUCCESS) << json;
  return number;
}

class TimerTest : public ServiceTest {
 protected:
  TimerTest() : ServiceTest("timer") {}

  std::vector<Event> Fired() {
    std::vector<Event> fired;
    for (Event& event : Events()) {
      if (event.key == "fired") fired.push_back(std::move(event));
    }
    return fired;
  }
};

TEST_F(TimerTest, TimersFireWhenTheyAreDueUnlessTheyAreCancelled) {
  StartService();
  const auto later = Execute("after", R"({"duration":"1h","data":"never"})");
  ASSERT_TRUE(later) << later.error().message;
  const std::string id = Text(*later, "id");
  const auto soon = Execute("after", R"({"duration":"100ms","data":{"n":[1,2.50]}})");
  ASSERT_TRUE(soon) << soon.error().message;
  const auto past = Execute("at", R"({"time":"2020-01-01T01:00:00+01:00"})");
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(Text(*past, "due"), "2020-01-01T00:00:00Z");
  ASSERT_TRUE(Eventually([&] { return Fired().size() == 2; }));
  std::map<std::string, std::string> fired;
  for (const Event& event : Fired()) {
    const std::string due = Text(event.data, "due");
    EXPECT_GE(*ParseTime(Text(event.data, "actual")), *ParseTime(due)) << event.data;
    fired[Text(event.data, "id")] = event.data;
  }
  EXPECT_THAT(fired[Text(*soon, "id")],
              HasSubstr(R"("data":{"n":[1,2.50]},"due":")" + Text(*soon, "due")));
  EXPECT_THAT(fired[Text(*past, "id")], HasSubstr(R"("due":"2020-01-01T00:00:00Z")"));
  EXPECT_EQ(*Execute("cancel", R"({"id":")" + id + "\"}"), R"({"cancelled":true})");
  EXPECT_EQ(*Execute("cancel", R"({"id":")" + id + "\"}"), R"({"cancelled":false})");
  EXPECT_EQ(*Execute("cancel", R"({"id":"unknown"})"), R"({"cancelled":false})");
  EXPECT_THAT(Execute("after", R"({"duration":"soon"})").error().message,
              HasSubstr("duration: expected one such as 90s"));
}

TEST_F(TimerTest, CancelledWhileTheServiceWasAwayItDoesNotFire) {
  StartService();
  const auto kept = Execute("after", R"({"duration":"1s"})");
  const auto cancelled = Execute("after", R"({"duration":"1s"})");
  ASSERT_TRUE(kept && cancelled);
  EXPECT_EQ(*Execute("cancel", R"({"id":")" + Text(*cancelled, "id") + "\"}"),
            R"({"cancelled":true})");
  ASSERT_NO_FATAL_FAILURE(KillService());
  ASSERT_TRUE(Eventually([&] { return !Fired().empty(); }));
  // What comes after both has come: the other one was passed by.
  ASSERT_TRUE(Execute("at", R"({"time":"2020-01-01T00:00:00Z","data":"last"})"));
  ASSERT_TRUE(Eventually([&] { return Fired().size() == 2; }));
  EXPECT_EQ(Text(Fired()[0].data, "id"), Text(*kept, "id"));
  EXPECT_EQ(Text(Fired()[1].data, "data"), "last");
}

TEST_F(TimerTest, KillsOfServiceAndCoreLoseNoTimerAndRepeatNone) {
  StartService();
  std::vector<std::string> begun;
  for (int i = 0; i < 240; ++i) {
    if (i % 80 == 40) {
      ASSERT_NO_FATAL_FAILURE(KillService());
    }
    if (i % 80 == 70) {
      KillCore();
      ASSERT_NO_FATAL_FAILURE(StartCore());
    }
    begun.push_back(Begin("after", "{\"duration\":\"" + std::to_string(i % 7 * 200) +
                                       "ms\",\"data\":" + std::to_string(i) + "}"));
  }
  std::set<std::string> asked;
  for (const std::string& execution : begun) {
    const auto outputs = Await(execution);
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_EQ(Text(*outputs, "id"), execution);
    asked.insert(execution);
  }
  ASSERT_NO_FATAL_FAILURE(KillService());
  ASSERT_TRUE(Eventually([&] { return Fired().size() >= asked.size(); })) << Log();
  // Those that came later have fired, so nothing is under way any more.
  const auto last = Execute("after", R"({"duration":"0s"})");
  ASSERT_TRUE(last) << last.error().message;
  ASSERT_TRUE(Eventually([&] { return Fired().size() > asked.size(); }));
  std::multiset<std::string> fired;
  for (const Event& event : Fired()) fired.insert(Text(event.data, "id"));
  asked.insert(Text(*last, "id"));
  EXPECT_EQ(fired, std::multiset<std::string>(asked.begin(), asked.end()));
}

TEST_F(TimerTest, ATimerThatCameDueWhileCoreWasAwayFiresWhenItIsBack) {
  StartService();
  const auto set = Execute("after", R"({"duration":"1500ms","data":"away"})");
  ASSERT_TRUE(set) << set.error().message;
  KillCore();
  const TimePoint due = *ParseTime(Text(*set, "due"));
  ASSERT_TRUE(Eventually([&] { return SystemClock().Now() > due; }));
  ASSERT_NO_FATAL_FAILURE(StartCore());
  ASSERT_TRUE(Eventually([&] { return Fired().size() == 1; }));
  EXPECT_THAT(Fired()[0].data, HasSubstr("\"away\""));
}

TEST_F(TimerTest, EverySecondHasItsTickOrIsCountedAsMissed) {
  StartService({{"TICKS", "pulse=every 1s; never=0 0 1 1 *"}});
  AwaitEvents(2);
  ASSERT_NO_FATAL_FAILURE(KillService());
  AwaitEvents(4);
  KillCore();
  ASSERT_NO_FATAL_FAILURE(StartCore());
  const auto ticks = AwaitEvents(7);
  TimePoint last;
  for (const Event& tick : ticks) {
    EXPECT_EQ(tick.key, "tick");
    EXPECT_EQ(Text(tick.data, "timer"), "pulse");
    const TimePoint scheduled = *ParseTime(Text(tick.data, "scheduled"));
    EXPECT_EQ(tick.id, "tick/pulse/" + FormatTime(scheduled));
    EXPECT_EQ(ToMicros(scheduled) % 1'000'000, 0);
    EXPECT_GE(*ParseTime(Text(tick.data, "actual")), scheduled);
    if (last != TimePoint()) {
      const auto missed = Number(tick.data, "missed");
      EXPECT_EQ(scheduled - last, (missed + 1) * 1s) << DataOf(ticks);
    }
    last = scheduled;
  }
}

TEST_F(TimerTest, WrongConfigurationIsSaid) {
  StartCore();
  const auto deployed = Core().Run(
      {"service", "deploy", MESG_SERVICE_SOURCE, "--env", "TICKS=a=every day", "--start"});
  EXPECT_TRUE(Eventually([&] {
    return Log().find("timer: TICKS: a: expected every and a duration") != std::string::npos;
  })) << deployed.errors
      << Log();
}

}  // namespace
}  // namespace mesg::services
