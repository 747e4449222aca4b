#include "connector/upkeep.h"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"

namespace mesg::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::StartsWith;

/// What was reported, in order.
class Reports {
 public:
  Upkeep::Health Sink() {
    return [this](std::string problem) {
      const std::scoped_lock lock(mutex_);
      said_.push_back(std::move(problem));
    };
  }
  std::vector<std::string> Said() const {
    const std::scoped_lock lock(mutex_);
    return said_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> said_;
};

constexpr Upkeep::Pauses kShort{milliseconds(1), milliseconds(2)};

TEST(UpkeepTest, AFailedSessionIsReportedAndFollowedByAnother) {
  Reports reports;
  std::atomic<int> sessions = 0;
  {
    const Upkeep upkeep(
        "the broker",
        [&](Upkeep::Session& session) -> Result<void> {
          if (++sessions == 1) return Unavailable("connection refused");
          session.Up();
          while (session.Pause(seconds(60))) {
          }
          return {};
        },
        reports.Sink(), kShort);
    ASSERT_TRUE(sdk::Eventually([&] { return reports.Said().size() == 2; }));
  }
  EXPECT_EQ(sessions, 2) << "and the pause ends when it is to stop";
  EXPECT_THAT(reports.Said(),
              ElementsAre(StartsWith("the broker: connection refused; trying again in "), ""));
}

TEST(UpkeepTest, AConnectionThatIsClosedIsAFailureToo) {
  Reports reports;
  const Upkeep upkeep(
      "the broker",
      [&](Upkeep::Session& session) -> Result<void> {
        session.Up();
        return {};
      },
      reports.Sink(), kShort);
  ASSERT_TRUE(sdk::Eventually([&] { return reports.Said().size() >= 4; }));
  EXPECT_THAT(reports.Said()[1], StartsWith("the broker: the connection was closed; trying again"));
}

TEST(UpkeepTest, WhatWorksBadlyIsReportedUntilItIsWell) {
  Reports reports;
  {
    const Upkeep upkeep(
        "the feed",
        [&](Upkeep::Session& session) -> Result<void> {
          session.Degraded("answers 500");
          session.Up();
          session.Pause(seconds(60));
          return {};
        },
        reports.Sink(), kShort);
    ASSERT_TRUE(sdk::Eventually([&] { return reports.Said().size() == 2; }));
  }
  EXPECT_THAT(reports.Said(), ElementsAre("the feed: answers 500", ""));
}

TEST(UpkeepTest, StoppingEndsALongPause) {
  Reports reports;
  Upkeep upkeep("the broker",
                [](Upkeep::Session&) -> Result<void> { return Unavailable("refused"); },
                reports.Sink(), {seconds(600), seconds(600)});
  ASSERT_TRUE(sdk::Eventually([&] { return reports.Said().size() == 1; }));
  upkeep.Stop();  // And the destructor returns.
}

}  // namespace
}  // namespace mesg::services
