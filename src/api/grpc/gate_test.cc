#include "api/grpc/gate.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include <gtest/gtest.h>

#include "api/grpc/crew.h"

namespace mesg::api {
namespace {

TEST(GateTest, RefusesBeforeItOpensAndAfterItCloses) {
  Gate gate;
  EXPECT_EQ(gate.Check().error().reason, "CORE_STARTING");
  gate.Open();
  EXPECT_TRUE(gate.Check());
  gate.Close();
  EXPECT_EQ(gate.Check().error().reason, "CORE_STOPPING");
  gate.Open();
  EXPECT_FALSE(gate.IsOpen()) << "it closes for good";
}

TEST(GateTest, TellsWhoIsRegisteredOnce) {
  Gate gate;
  gate.Open();
  int told = 0;
  gate.Register([&] { ++told; });
  const Gate::Id left = gate.Register([&] { told += 100; });
  EXPECT_EQ(gate.size(), 2U);
  gate.Leave(left);
  gate.Close();
  gate.Close();
  EXPECT_EQ(told, 1);
  gate.Register([&] { ++told; });
  EXPECT_EQ(told, 2) << "at once, when it is closed";
  EXPECT_EQ(gate.size(), 1U) << "the first has not left";
}

TEST(CrewTest, DoesEverythingInOrderBeforeItEnds) {
  std::vector<int> done;
  std::atomic<int> later = 0;
  {
    Crew crew;
    for (int i = 0; i < 100; ++i) {
      crew.Soon([&, i] { done.push_back(i); });
      EXPECT_TRUE(crew.Later([&] { ++later; }));
    }
  }
  ASSERT_EQ(done.size(), 100U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(later, 100);
}

TEST(CrewTest, RefusesMoreQueriesThanItCanHold) {
  std::atomic<bool> go = false;
  Crew crew;
  Result<void> last;
  int taken = 0;
  while (taken < 10'000 && (last = crew.Later([&] { go.wait(false); }))) ++taken;
  EXPECT_EQ(last.error().reason, "TOO_MANY_QUERIES");
  go = true;
  go.notify_all();
}

TEST(GateTest, WhoEndsByItselfIsWaitedForAndThenToldToEnd) {
  Gate gate;
  gate.Open();
  int given_up = 0;
  const auto id = gate.RegisterUntilGivenUp([&] { ++given_up; });
  gate.Close();
  EXPECT_EQ(given_up, 0);
  EXPECT_FALSE(gate.WaitEmpty(Duration(0)));
  gate.GiveUp();
  gate.GiveUp();
  EXPECT_EQ(given_up, 1);
  gate.Leave(id);
  EXPECT_TRUE(gate.WaitEmpty(Duration(0)));
  gate.RegisterUntilGivenUp([&] { ++given_up; });
  EXPECT_EQ(given_up, 2) << "too late";
}

}  // namespace
}  // namespace mesg::api
