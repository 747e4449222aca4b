#include "model/retry_policy.h"

#include <limits>

#include <gtest/gtest.h>

namespace mesg {
namespace {

using std::chrono::seconds;

TEST(RetryPolicyTest, PausesGrowByTheFactorUpToTheLongest) {
  const RetryPolicy policy{.initial = seconds(1), .factor = 2, .max = seconds(5), .jitter = 0};
  EXPECT_EQ(policy.PauseAfter(1, 0.5), seconds(1));
  EXPECT_EQ(policy.PauseAfter(2, 0.5), seconds(2));
  EXPECT_EQ(policy.PauseAfter(3, 0.5), seconds(4));
  EXPECT_EQ(policy.PauseAfter(4, 0.5), seconds(5));
  EXPECT_EQ(policy.PauseAfter(4'000'000'000U, 0.5), seconds(5));
}

TEST(RetryPolicyTest, JitterTakesUpToItsPartOff) {
  const RetryPolicy policy{.initial = seconds(10), .factor = 1, .max = seconds(60), .jitter = 0.2};
  EXPECT_EQ(policy.PauseAfter(1, 0), seconds(10));
  EXPECT_EQ(policy.PauseAfter(1, 0.5), seconds(9));
  EXPECT_EQ(policy.PauseAfter(7, 1), seconds(8));
}

// Numbers come from requests: none may overflow, turn negative or exceed `max`.
TEST(RetryPolicyTest, StaysWithinItsBoundsWhateverTheNumbers) {
  const double odd[] = {0,         -1,    1,
                        1.0000001, 1e308, std::numeric_limits<double>::infinity(),
                        0.2,       -0.0,  std::numeric_limits<double>::quiet_NaN()};
  const Duration durations[] = {Duration::min(), Duration(-1), Duration(0),
                                Duration(1),     seconds(3),   Duration::max()};
  for (const Duration initial : durations) {
    for (const Duration max : durations) {
      for (const double factor : odd) {
        for (const double jitter : odd) {
          for (const std::uint32_t attempt : {0U, 1U, 2U, 64U, 0xffffffffU}) {
            const RetryPolicy policy{
                .initial = initial, .factor = factor, .max = max, .jitter = jitter};
            for (const double random : {0.0, 1.0, odd[8], 7.0}) {
              const Duration pause = policy.PauseAfter(attempt, random);
              ASSERT_GE(pause, Duration::zero());
              ASSERT_LE(pause, std::max(max, Duration::zero()));
            }
          }
        }
      }
    }
  }
}

TEST(RetryPolicyTest, WithoutAnInitialPauseThereIsNone) {
  const RetryPolicy policy{.initial = seconds(0), .factor = 1e300};
  EXPECT_EQ(policy.PauseAfter(1000, 0), Duration::zero());
}

}  // namespace
}  // namespace mesg
