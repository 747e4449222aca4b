#include "broker/listeners.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mesg::broker {
namespace {

constexpr std::size_t kLarge = 300 << 10;

/// Has room for so many bytes at once.
class Sink final : public ListenerSink {
 public:
  void Push(engine::PartitionId, std::span<const Item> items, std::uint64_t sequence) override {
    for (const Item& item : items) {
      heard.push_back(item.entry.sequence);
      waiting += item.entry.data.size();
    }
    told = sequence;
    ++pushes;
  }
  bool HasRoom() const override { return waiting < room; }
  void Fail(const Error& error) override { ADD_FAILURE() << error.message; }

  std::size_t room = SIZE_MAX;
  std::size_t waiting = 0;
  std::vector<std::uint64_t> heard;
  std::uint64_t told = 0;
  int pushes = 0;
};

class LiveListenersTest : public testing::Test {
 protected:
  void Append(std::size_t bytes = 10) {
    auto block = std::make_shared<HistoryBlock>();
    block->first = listeners_.Next();
    HistoryEntry entry;
    entry.sequence = block->first;
    entry.source = source_;
    entry.key = "ordered";
    entry.data = fmt::format("\"{}\"", std::string(bytes, 'x'));
    block->entries.push_back(std::move(entry));
    listeners_.Append(block, {});
  }
  std::optional<std::uint64_t> Add(ListenerId id, std::uint64_t next) {
    return listeners_.Add(id, std::make_shared<const std::vector<Filter>>(1), sink_, next);
  }
  static std::vector<std::uint64_t> UpTo(std::uint64_t last) {
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 1; i <= last; ++i) all.push_back(i);
    return all;
  }

  const SourcePtr source_ = std::make_shared<const Source>(Source{"shop", "service", "instance"});
  const std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::vector<std::pair<ListenerId, std::uint64_t>> lagging_;
  Listeners listeners_{
      0, 1, [this](ListenerId id, std::uint64_t next) { lagging_.emplace_back(id, next); }};
};

TEST_F(LiveListenersTest, WhoJoinsHearsWhatIsRecentAndThenWhatComes) {
  for (int i = 0; i < 5; ++i) Append();
  EXPECT_FALSE(Add(1, 3));
  Append();
  EXPECT_EQ(sink_->heard, (std::vector<std::uint64_t>{3, 4, 5, 6}));
}

TEST_F(LiveListenersTest, WhatIsTooLongAgoIsCaughtUpElsewhere) {
  for (int i = 0; i < 100; ++i) Append();
  EXPECT_EQ(Add(1, 2), 2U);
  EXPECT_EQ(listeners_.size(), 0U);
  EXPECT_TRUE(sink_->heard.empty());
}

// The partition waits while somebody joins: however much is recent, it is told a part of it a turn.
TEST_F(LiveListenersTest, LargeBacklogIsToldInParts) {
  for (int i = 0; i < 12; ++i) Append(kLarge);
  std::optional<std::uint64_t> next = 1;
  int turns = 0;
  while (next) {
    const std::size_t before = sink_->waiting;
    const std::uint64_t from = *next;
    next = Add(1, from);
    EXPECT_LE(sink_->waiting - before, (1U << 20) + kLarge + 2);
    if (next) {
      EXPECT_GT(*next, from);
      EXPECT_EQ(listeners_.size(), 0U);
    }
    ++turns;
  }
  EXPECT_EQ(turns, 3);
  EXPECT_EQ(listeners_.size(), 1U);
  Append();
  EXPECT_EQ(sink_->heard, UpTo(13));
}

TEST_F(LiveListenersTest, NothingIsToldWithoutRoom) {
  for (int i = 0; i < 6; ++i) Append(100);
  sink_->room = 0;
  EXPECT_EQ(Add(1, 1), 1U);
  EXPECT_EQ(sink_->pushes, 0);
  sink_->room = 250;
  EXPECT_EQ(Add(1, 1), 4U) << "it was full after the third";
  EXPECT_EQ(sink_->told, 3U);
  sink_->room = SIZE_MAX;
  EXPECT_FALSE(Add(1, 4));
  EXPECT_EQ(sink_->heard, UpTo(6));
  EXPECT_TRUE(lagging_.empty());
}

TEST_F(LiveListenersTest, ProgressIsToldToSomeATurnAndToEachOnce) {
  const auto nothing = std::make_shared<std::vector<Filter>>(1);
  nothing->front().key = "other";
  std::vector<std::shared_ptr<Sink>> sinks;
  for (ListenerId id = 1; id <= 10; ++id) {
    sinks.push_back(std::make_shared<Sink>());
    ASSERT_FALSE(listeners_.Add(id, nothing, sinks.back(), 1));
  }
  Append();
  const auto told = [&] {
    int count = 0;
    for (const auto& sink : sinks) count += sink->pushes;
    return count;
  };
  EXPECT_FALSE(listeners_.PushProgress(4));
  EXPECT_EQ(told(), 4);
  listeners_.Remove(4);  // Where the round stands.
  EXPECT_FALSE(listeners_.PushProgress(4));
  EXPECT_TRUE(listeners_.PushProgress(4));
  EXPECT_EQ(told(), 10);
  EXPECT_TRUE(listeners_.PushProgress(100)) << "nothing new";
  EXPECT_EQ(told(), 10);
  for (const auto& sink : sinks) EXPECT_EQ(sink->told, 1U);
}

}  // namespace
}  // namespace mesg::broker
