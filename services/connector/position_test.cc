#include "connector/position.h"

#include <stop_token>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"

namespace mesg::services {
namespace {

class PositionTest : public testing::Test {
 protected:
  sdk::ServiceOptions Options() const {
    sdk::ServiceOptions options;
    options.endpoint = core_.endpoint();
    options.token = "t";
    options.log = [](std::string_view) {};
    return options;
  }
  static std::vector<sdk::Event> Item(const std::string& id) {
    return {{.key = "item", .json = "{\"n\":" + id + "}", .id = id}};
  }
  std::string Events() const {
    std::string all;
    for (const sdk::FakeCore::Recorded& event : core_.events()) all += event.id + " ";
    return all;
  }

  sdk::FakeCore core_;
  std::stop_source stop_;
};

TEST_F(PositionTest, MovesWithItsEventsAndIsFoundAgain) {
  sdk::Service service(Options());
  Position position(service, "stream/a");
  EXPECT_EQ(position.Load(stop_.get_token()).value(), std::nullopt);
  ASSERT_TRUE(position.Move(Item("1"), "1", stop_.get_token()));
  ASSERT_TRUE(position.Move(Item("2"), "2", stop_.get_token()));
  Position again(service, "stream/a");
  EXPECT_EQ(again.Load(stop_.get_token()).value(), "2");
  EXPECT_EQ(Events(), "1 2 ");
}

// The commit happened and its acknowledgement was lost: the key tells.
TEST_F(PositionTest, AMoveWhoseAcknowledgementIsLostIsNotMadeTwice) {
  sdk::Service service(Options());
  Position position(service, "stream/a");
  ASSERT_TRUE(position.Load(stop_.get_token()));
  core_.CutBeforeEmitted();
  ASSERT_TRUE(position.Move(Item("1"), "1", stop_.get_token()));
  ASSERT_TRUE(position.Move(Item("2"), "2", stop_.get_token()));
  EXPECT_EQ(Events(), "1 2 ");
}

TEST_F(PositionTest, WaitsForACoreThatIsAway) {
  sdk::Service service(Options());
  Position position(service, "stream/a");
  ASSERT_TRUE(position.Load(stop_.get_token()));
  core_.Stop();
  std::jthread back([this] { core_.Start(); });
  ASSERT_TRUE(position.Move(Item("1"), "1", stop_.get_token()));
  EXPECT_EQ(Events(), "1 ");
}

TEST_F(PositionTest, AnotherProcessThatMovedItIsNoticed) {
  sdk::Service service(Options());
  Position mine(service, "stream/a");
  Position other(service, "stream/a");
  ASSERT_TRUE(mine.Load(stop_.get_token()));
  ASSERT_TRUE(other.Load(stop_.get_token()));
  ASSERT_TRUE(other.Move(Item("1"), "1", stop_.get_token()));
  const auto moved = mine.Move(Item("1"), "1", stop_.get_token());
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Code::kAborted);
  EXPECT_EQ(Events(), "1 ");
}

TEST_F(PositionTest, StoppingEndsTheWait) {
  sdk::ServiceOptions options = Options();
  options.emit_timeout = std::chrono::milliseconds(20);
  sdk::Service service(options);
  Position position(service, "stream/a");
  ASSERT_TRUE(position.Load(stop_.get_token()));
  core_.Stop();
  std::jthread stopping([this] { stop_.request_stop(); });
  const auto moved = position.Move(Item("1"), "1", stop_.get_token());
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Code::kCancelled);
  core_.Start();
}

}  // namespace
}  // namespace mesg::services
