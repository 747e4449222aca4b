#include "runtime/process/restart_policy.h"

#include <limits>

#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(RestartPolicyTest, PausesGrowUpToTheMaximum) {
  RestartPolicy policy({.give_up_after = 100});
  std::string pauses;
  for (int i = 0; i < 11; ++i) pauses += FormatDuration(*policy.OnExit(seconds(1))) + " ";
  EXPECT_EQ(pauses, "200ms 400ms 800ms 1s600ms 3s200ms 6s400ms 12s800ms 25s600ms 51s200ms 1m 1m ");
}

// A service that worked for a while and then lost its database deserves a quick new start.
TEST(RestartPolicyTest, BeingUpForAWhileBeginsAnew) {
  RestartPolicy policy({});
  for (int i = 0; i < 8; ++i) policy.OnExit(seconds(1));
  EXPECT_EQ(policy.OnExit(seconds(30)), milliseconds(200));
  EXPECT_EQ(policy.OnExit(seconds(29)), milliseconds(400));
}

TEST(RestartPolicyTest, GivesUpAfterSoManyEarlyEndsInARow) {
  RestartPolicy policy({.give_up_after = 3});
  EXPECT_TRUE(policy.OnExit(seconds(1)));
  EXPECT_TRUE(policy.OnExit(seconds(1)));
  EXPECT_FALSE(policy.OnExit(seconds(1)));
  EXPECT_FALSE(policy.OnExit(seconds(1)));
}

// Every exit counts for itself: one crash a minute is never given up, only restarted.
TEST(RestartPolicyTest, NeverGivesUpWhatStaysUpInBetween) {
  RestartPolicy policy({.give_up_after = 3});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(policy.OnExit(minutes(1)), milliseconds(200));
}

TEST(RestartPolicyTest, ResetForgetsThePast) {
  RestartPolicy policy({.give_up_after = 3});
  policy.OnExit(seconds(1));
  policy.OnExit(seconds(1));
  policy.Reset();
  EXPECT_EQ(policy.OnExit(seconds(1)), milliseconds(200));
}

TEST(RestartPolicyTest, ALongRowDoesNotOverflow) {
  RestartPolicy policy({.give_up_after = std::numeric_limits<int>::max()});
  std::optional<Duration> last;
  for (int i = 0; i < 5000; ++i) last = policy.OnExit(seconds(0));
  EXPECT_EQ(last, minutes(1));
}

}  // namespace
}  // namespace mesg::runtime
