#include "broker/forward_time.h"

#include <gtest/gtest.h>

namespace mesg::broker {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;

class ForwardTimeTest : public testing::Test {
 protected:
  ForwardTimeTest() { time_.At(clock_, steady_); }
  void Pass(Duration passed) {
    clock_ += passed;
    steady_ += passed;
  }
  TimePoint Now() { return time_.At(clock_, steady_); }

  TimePoint clock_ = FromMicros(1'700'000'000'000'000);
  ForwardTime::Steady steady_{hours(1)};
  ForwardTime time_;
};

TEST_F(ForwardTimeTest, IsTheClocksWhileThatGoesForward) {
  Pass(seconds(3));
  EXPECT_EQ(Now(), clock_);
  clock_ += hours(1);  // Set ahead.
  EXPECT_EQ(Now(), clock_);
}

TEST_F(ForwardTimeTest, GoesOnSlowlyUntilAClockThatWasSetBackHasCaughtUp) {
  const TimePoint before = Now();
  clock_ -= seconds(10);
  EXPECT_EQ(Now(), before);
  Pass(seconds(4));
  EXPECT_EQ(Now(), before + seconds(2));
  Pass(seconds(14));
  EXPECT_EQ(Now(), before + seconds(8)) << "the clock's, as soon as that is not before the last";
  Pass(seconds(2));
  EXPECT_EQ(Now(), before + seconds(10));
  Pass(seconds(1));
  EXPECT_EQ(Now(), clock_);
}

TEST_F(ForwardTimeTest, LosesNothingHoweverOftenItIsAsked) {
  const TimePoint before = Now();
  clock_ -= hours(1);
  TimePoint last = before;
  for (int i = 0; i < 1001; ++i) {
    Pass(microseconds(1));
    EXPECT_GE(Now(), last);
    last = Now();
  }
  EXPECT_EQ(last, before + microseconds(500));
}

TEST_F(ForwardTimeTest, GoesOnFromWhereAProcessBeforeItWas) {
  const TimePoint last = clock_ + hours(1);
  time_ = ForwardTime(last, clock_, steady_);
  EXPECT_EQ(Now(), last);
  Pass(seconds(2));
  EXPECT_EQ(Now(), last + seconds(1));
  time_ = ForwardTime(clock_ - hours(1), clock_, steady_);
  EXPECT_EQ(Now(), clock_);
  // The clock of that one was wrong.
  time_ = ForwardTime(clock_ + hours(24 * 365), clock_, steady_);
  EXPECT_EQ(Now(), clock_);
}

}  // namespace
}  // namespace mesg::broker
