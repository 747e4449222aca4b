#include "broker/position.h"

#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

std::string Parsed(std::string_view text, std::size_t partitions) {
  const auto position = Position::Parse(text, partitions);
  return position ? position->Text() : position.error().reason;
}

std::string Entry(std::string_view text, std::size_t partitions) {
  const auto entry = Position::ParseEntry(text, partitions);
  return entry ? fmt::format("{} of {}", entry->sequence, entry->partition) : entry.error().reason;
}

TEST(PositionTest, ItsTextComesBackAsItWas) {
  EXPECT_EQ(Parsed("17", 1), "17");
  EXPECT_EQ(Parsed("17.4.90", 3), "17.4.90");
  EXPECT_EQ(Parsed("17.4.90/1", 3), "17.4.90") << "that of an event is a position too";
  EXPECT_EQ(Parsed("0", 3), "0.0.0");
  for (const char* text :
       {"", "x", "17.4", "17.4.90.1", "17.4.90/", "17.4.90/3", "17.4.90/1/1", "17.4.90/-1",
        "-1.4.90", "17.4.90 ", "17,4,90", ".4.90", "99999999999999999999.4.90"}) {
    EXPECT_EQ(Parsed(text, 3), "INVALID_POSITION") << text;
  }
  EXPECT_EQ(Parsed("17/0", 1), "INVALID_POSITION");
}

TEST(PositionTest, AnEventsPositionSaysWhichEventItIs) {
  Position position(3);
  position.Set(0, 17);
  position.Set(1, 4);
  EXPECT_EQ(position.EntryText(1), "17.4.0/1");
  EXPECT_EQ(Entry("17.4.0/1", 3), "4 of 1");
  EXPECT_EQ(Entry("17.4.0/0", 3), "17 of 0");
  EXPECT_EQ(Entry("17.4.0", 3), "INVALID_POSITION") << "which of the three";
  EXPECT_EQ(Entry("0", 3), "INVALID_POSITION");
  EXPECT_EQ(Entry("17", 1), "17 of 0");
  EXPECT_EQ(Position(1).EntryText(0), "0");
}

class EventsOfTest : public BrokerTest, public testing::WithParamInterface<std::size_t> {
 protected:
  EventsOfTest() : BrokerTest(GetParam()) { Start(); }
};

TEST_P(EventsOfTest, EveryEventIsFoundByThePositionItCameWith) {
  std::vector<std::pair<std::string, std::string>> known;  // Position and data.
  for (const char* name : {"a", "b", "c", "d"}) {
    const InstancePtr instance = Deploy(kShop, name);
    for (int i = 0; i < 3; ++i) {
      const std::string order = fmt::format("{}{}", name, i);
      const auto emitted = Emit(instance, {Ordered(order)});
      known.emplace_back(broker_->PositionText(name, emitted->sequences[0]),
                         fmt::format(R"({{"order":"{}"}})", order));
    }
  }
  for (const auto& [position, data] : known) {
    const auto found = broker_->FindEvent(position);
    ASSERT_TRUE(found && *found) << position;
    EXPECT_EQ((*found)->data, data);
  }
  const auto page = broker_->ListEvents({});
  ASSERT_EQ(page->events.size(), known.size());
  for (const EventPage::Entry& entry : page->events)
    EXPECT_EQ((*broker_->FindEvent(entry.position))->data, entry.entry.data);
}

TEST_P(EventsOfTest, WhereNoEventIsNoneIsFound) {
  const InstancePtr shop = Deploy();
  const ExecutionId result = Create(Ship()).value().id;
  ASSERT_TRUE(Emit(shop, {Ordered("a")}));
  ASSERT_TRUE(Ask<engine::ExecutionPtr>(
      [&](auto reply) { broker_->Cancel(result, "", std::move(reply)); }));
  ASSERT_TRUE(Emit(shop, {Ordered("b")}));
  const auto at = [&](std::uint64_t sequence) {
    const auto found = broker_->FindEvent(broker_->PositionText("shop", sequence));
    return *found ? (*found)->data : "none";
  };
  EXPECT_EQ(at(0), "none");
  EXPECT_EQ(at(1), R"({"order":"a"})");
  EXPECT_EQ(at(2), "none") << "a result stands there";
  EXPECT_EQ(at(3), R"({"order":"b"})");
  EXPECT_EQ(at(4), "none");
  EXPECT_EQ(broker_->FindEvent("nonsense").error().reason, "INVALID_POSITION");
}

INSTANTIATE_TEST_SUITE_P(Partitions, EventsOfTest, testing::Values(1, 7));

}  // namespace
}  // namespace mesg::broker
