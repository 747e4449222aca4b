// What needs no real Core: the times of ticks, the inputs of tasks, what an attempt finds that is
// not the first.
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"
#include "mesg/json.h"
#include "timer/alarms.h"
#include "timer/pending.h"
#include "timer/tasks.h"
#include "timer/ticker.h"
#include "timer/ticks.h"

namespace mesg::services::timer {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TimePoint At(std::string_view text) { return ParseTime(text).value(); }

Tick One(const std::string& text, const std::string& timezone = "UTC") {
  return Tick::ParseAll(text, timezone).value().at(0);
}

std::string Refused(const std::string& text, const std::string& timezone = "UTC") {
  const auto ticks = Tick::ParseAll(text, timezone);
  return ticks ? "it was taken" : ticks.error().message;
}

TEST(TicksTest, EachEntryHasANameAndTimes) {
  const auto ticks = Tick::ParseAll(" hourly=0 * * * *; pulse = every 1m30s ;;", "UTC").value();
  ASSERT_EQ(ticks.size(), 2U);
  EXPECT_EQ(ticks[0].name(), "hourly");
  EXPECT_EQ(FormatTime(*ticks[0].Next(At("2026-11-23T10:00:00Z"))), "2026-11-23T11:00:00Z");
  EXPECT_EQ(ticks[1].name(), "pulse");
  EXPECT_EQ(FormatTime(*ticks[1].Next(At("2026-11-23T10:00:00Z"))), "2026-11-23T10:01:30Z");
  EXPECT_EQ(FormatTime(*ticks[1].Next(At("1969-12-31T23:59:59Z"))), "1970-01-01T00:00:00Z");
  EXPECT_TRUE(Tick::ParseAll("", "UTC").value().empty());
  EXPECT_EQ(FormatTime(*One("a=0 9 * * *", "Europe/Paris").Next(At("2026-11-23T10:00:00Z"))),
            "2026-11-24T08:00:00Z");
  // Other times, another text; so the last one does not count.
  EXPECT_NE(One("a=0 9 * * *").text(), One("a=0 9 * * *", "Europe/Paris").text());
}

TEST(TicksTest, WhatIsNoneIsNamed) {
  EXPECT_EQ(Refused("every 5s"),
            "TICKS: expected entries like hourly=0 * * * * or pulse=every 30s, got \"every 5s\"");
  EXPECT_EQ(Refused("a=every 5s; a=@daily"), "TICKS: \"a\" is there twice");
  EXPECT_EQ(Refused("a=every 5"),
            "TICKS: a: expected every and a duration from 1s, got \"every 5\"");
  EXPECT_EQ(Refused("a=every 10ms"),
            "TICKS: a: expected every and a duration from 1s, got \"every 10ms\"");
  EXPECT_THAT(Refused("a=61 * * * *"), StartsWith("TICKS: a: "));
  EXPECT_THAT(Refused("a=0 9 * * *", "Europe/Nowhere"), HasSubstr("Europe/Nowhere"));
}

TEST(TicksTest, OfManyTimesTheLatestCounts) {
  const TimePoint last = At("2026-11-23T10:00:00Z");
  for (const char* text : {"a=every 1m", "a=* * * * *"}) {
    EXPECT_FALSE(One(text).Latest(last, last + 59s)) << text;
    const auto due = One(text).Latest(last, last + 5min + 30s);
    ASSERT_TRUE(due) << text;
    EXPECT_EQ(FormatTime(due->scheduled), "2026-11-23T10:05:00Z") << text;
    EXPECT_EQ(due->missed, 4U) << text;
    // More than are counted.
    const auto far = One(text).Latest(last, last + 24h * 365 + 30s);
    EXPECT_EQ(FormatTime(far->scheduled), "2027-11-23T10:00:00Z") << text;
    EXPECT_EQ(far->missed, Tick::kMostMissed) << text;
  }
  // The last one of many is long past itself.
  const auto burst =
      One("a=* * * 1 * *").Latest(At("2026-01-01T00:00:00Z"), At("2026-03-05T12:00:00Z"));
  ASSERT_TRUE(burst);
  EXPECT_EQ(FormatTime(burst->scheduled), "2026-03-01T23:59:59Z");
  EXPECT_EQ(burst->missed, Tick::kMostMissed);
}

TEST(TasksTest, Inputs) {
  const TimePoint now = At("2026-11-23T10:00:00Z");
  const Alarm alarm =
      ReadAfter(R"({"duration":"1h30m","data":{"n": 340282366920938463463}})", now).value();
  EXPECT_EQ(FormatTime(alarm.due), "2026-11-23T11:30:00Z");
  EXPECT_EQ(alarm.data, R"({"n": 340282366920938463463})");
  EXPECT_EQ(ReadAfter(R"({"data":null,"duration":"0s"})", now)->data, "");
  EXPECT_EQ(FormatTime(ReadAt(R"({"time":"2026-11-23T11:00:00+01:00","data":"x"})")->due),
            "2026-11-23T10:00:00Z");
  EXPECT_EQ(ReadAfter(R"({"duration":"soon"})", now).error().message,
            "duration: expected one such as 90s, 1h30m or 2d, at most 36500d, got \"soon\"");
  EXPECT_THAT(ReadAfter(R"({"duration":"36501d"})", now).error().message, HasSubstr("36500d"));
  EXPECT_EQ(ReadAt(R"({"time":"tomorrow"})").error().message,
            "time: expected one such as 2026-11-23T10:00:00Z, got \"tomorrow\"");
  const std::string large = R"({"duration":"1s","data":")" + std::string(70'000, 'x') + "\"}";
  EXPECT_EQ(ReadAfter(large, now).error().message,
            "data: expected at most 65536 bytes of JSON, got 70002");
  for (const Alarm& one : {alarm, Alarm{now, "[1, \"two\"]"}, Alarm{now, ""}}) {
    const Alarm again = ReadAlarm(WriteAlarm(one)).value();
    EXPECT_EQ(again.due, one.due);
    EXPECT_EQ(again.data, one.data);
  }
}

TEST(PendingTest, TheEarliestComesFirstAndIsWaitedFor) {
  Pending pending;
  const TimePoint now = SystemClock().Now();
  pending.Add(now + 24h, "late");
  pending.Add(now - 1s, "b");
  pending.Add(now - 2s, "a");
  pending.Add(now - 500ms, "c");
  const auto two = pending.AwaitDue(2, {});
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].id + two[1].id, "ab");
  EXPECT_EQ(pending.AwaitDue(2, {}).at(0).id, "c");
  std::jthread later([&] { pending.Add(now, "d"); });
  EXPECT_EQ(pending.AwaitDue(2, {}).at(0).id, "d");
  pending.Add(SystemClock().Now() + 20ms, "e");
  EXPECT_EQ(pending.AwaitDue(2, {}).at(0).id, "e");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(pending.AwaitDue(2, stop.get_token()).empty());
  EXPECT_EQ(pending.Count(), 1U);
}

class TimerCoreTest : public ::testing::Test {
 protected:
  sdk::ServiceOptions Options() const {
    sdk::ServiceOptions options;
    options.endpoint = core_.endpoint();
    options.token = "t";
    options.log = [](std::string_view) {};
    return options;
  }
  std::size_t Count(const std::string& key) const {
    std::size_t count = 0;
    for (const auto& event : core_.events()) count += event.key == key ? 1 : 0;
    return count;
  }

  sdk::FakeCore core_;
};

TEST_F(TimerCoreTest, AnotherAttemptFindsTheTimerOfTheFirst) {
  Pending pending;
  sdk::Service service(Options());
  Tasks tasks(service, pending, 2);
  service.OnTask("at", [&](const sdk::Task& task) -> Result<sdk::Outputs> {
    auto set = tasks.Set(task, Alarm{At("2099-01-01T00:00:00Z") + task.attempt() * 1s, "1"});
    if (set && task.attempt() == 1) return Unavailable("it was set, and its answer is lost");
    return set;
  });
  service.Start();
  const auto answer = [&](std::size_t number) {
    EXPECT_TRUE(sdk::Eventually([&] { return core_.answers().size() > number; }));
    return core_.answers().at(number).text;
  };
  core_.Deliver("at", "{}", "e1");
  EXPECT_EQ(answer(0), "it was set, and its answer is lost");
  core_.Deliver("at", "{}", "e1", 2);
  EXPECT_EQ(answer(1), R"({"id":"e1","due":"2099-01-01T00:00:01Z"})");
  core_.Deliver("at", "{}", "e2");
  EXPECT_EQ(answer(2), "2 timers wait already, which is MAX_PENDING");
  EXPECT_FALSE(core_.answers().at(2).permanent);
}

TEST_F(TimerCoreTest, TimersOfBeforeFireAtOnceAndOnce) {
  sdk::Service service(Options());
  for (int i = 0; i < 1500; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_TRUE(service.Put("timer/" + id, WriteAlarm({At("2020-01-01T00:00:00Z"), id})));
  }
  ASSERT_TRUE(service.Put("timer/broken", "[]"));
  ASSERT_TRUE(service.Put("timer/later", WriteAlarm({At("2099-01-01T00:00:00Z"), ""})));
  core_.CutBeforeEmitted();  // The first commit is made, and its answer lost.
  Pending pending;
  const Alarms alarms(service, pending);
  ASSERT_TRUE(sdk::Eventually([&] { return Count("fired") == 1500; }));
  ASSERT_TRUE(sdk::Eventually([&] { return service.List("timer/")->size() == 2; }));
  EXPECT_EQ(Count("fired"), 1500U);
  EXPECT_TRUE(sdk::Eventually([&] { return pending.Count() == 1; }));
}

TEST_F(TimerCoreTest, WhatWasMissedIsOneTickOrNone) {
  const auto tick = [](const std::string& name) { return One(name + "=every 1h"); };
  sdk::Service service(Options());
  for (const char* name : {"a", "b"}) {
    const TimePoint last = SystemClock().Now() - 24h * 3 - 1h;
    ASSERT_TRUE(service.Put(
        std::string("tick/") + name,
        sdk::JsonObject().Add("times", "every 1h").Add("last", FormatTime(last)).Take()));
  }
  const Ticker latest(service, {tick("a")}, Ticker::Missed::kLatest);
  ASSERT_TRUE(sdk::Eventually([&] { return Count("tick") == 1; }));
  const auto made = core_.events().at(0);
  EXPECT_THAT(made.id, StartsWith("tick/a/"));
  EXPECT_THAT(made.data, HasSubstr("\"missed\":72"));
  const auto before = service.Get("tick/b").value();
  const Ticker skip(service, {tick("b"), tick("c")}, Ticker::Missed::kSkip);
  // It moved on.
  ASSERT_TRUE(sdk::Eventually([&] { return service.Get("tick/b")->json != before.json; }));
  ASSERT_TRUE(sdk::Eventually([&] { return service.Get("tick/c")->version != 0; }));
  for (const auto& event : core_.events()) EXPECT_THAT(event.id, StartsWith("tick/a/"));
}

}  // namespace
}  // namespace mesg::services::timer
