#include "cli/interrupt.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>

#include "cli/context.h"

namespace mesg::cli {
namespace {

using InterruptDeathTest = testing::Test;

TEST(InterruptTest, ASignalRequestsTheStopOnceSomebodyWatches) {
  Interrupt interrupt;
  const std::stop_token stop = interrupt.Watch();
  EXPECT_FALSE(stop.stop_requested());
  raise(SIGINT);
  EXPECT_FALSE(Pause(stop, std::chrono::seconds(20))) << "the pause ends with the stop";
  EXPECT_TRUE(interrupt.Watch().stop_requested()) << "every watcher shares it";
}

TEST(InterruptTest, WithoutASignalItEndsQuietly) {
  Interrupt interrupt;
  static_cast<void>(interrupt.Watch());
}

TEST_F(InterruptDeathTest, BeforeAnyoneWatchesASignalEndsTheProgram) {
  const Interrupt interrupt;
  EXPECT_EXIT(raise(SIGINT), testing::KilledBySignal(SIGINT), "");
}

TEST_F(InterruptDeathTest, ASecondSignalEndsTheProgramAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Interrupt interrupt;
        const std::stop_token stop = interrupt.Watch();
        raise(SIGTERM);
        Pause(stop, std::chrono::seconds(20));
        raise(SIGTERM);
        std::this_thread::sleep_for(std::chrono::seconds(20));
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace mesg::cli
