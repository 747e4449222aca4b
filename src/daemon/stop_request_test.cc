#include "daemon/stop_request.h"

#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace mesg::daemon {
namespace {

TEST(StopRequestTest, ASignalIsAReason) {
  StopRequest stop;
  raise(SIGTERM);
  EXPECT_EQ(stop.Wait().value(), "SIGTERM");
}

TEST(StopRequestTest, AskingFromAnotherThreadWakesTheWaiter) {
  StopRequest stop;
  std::jthread asks([&] { stop.Ask("mesg stop"); });
  EXPECT_EQ(stop.Wait().value(), "mesg stop");
}

TEST(StopRequestTest, AnErrorCountsMoreThanAWish) {
  StopRequest stop;
  stop.Ask("mesg stop");
  stop.Fail(DataLoss("the disk is gone"));
  stop.Fail(DataLoss("and a later one"));
  EXPECT_EQ(stop.Wait().error().message, "the disk is gone");
}

TEST(StopRequestTest, AClosedPipeIsNoReason) {
  StopRequest stop;
  raise(SIGPIPE);
  stop.Ask("still here");
  EXPECT_EQ(stop.Wait().value(), "still here");
}

TEST(StopRequestDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        StopRequest stop;
        raise(SIGINT);
        raise(SIGTERM);
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST(StopRequestDeathTest, AStopThatHangsIsCutShort) {
  EXPECT_EXIT(
      {
        StopRequest stop;
        StopRequest::ForceAfter(1);
        while (true) pause();
      },
      testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace mesg::daemon
