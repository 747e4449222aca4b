#include "base/inbox.h"

#include <thread>

#include <gtest/gtest.h>

namespace mesg {
namespace {

TEST(InboxTest, RefusesWhatIsBeyondItsBoundsAndKeepsTheItem) {
  Inbox<std::string> inbox(2, 10);
  EXPECT_TRUE(inbox.Put("a", 100));  // Alone, so admitted whatever it weighs.
  std::string second = "b";
  EXPECT_EQ(inbox.Put(std::move(second), 1).error().code, Code::kResourceExhausted);
  EXPECT_EQ(second, "b");  // NOLINT(bugprone-use-after-move): that it is untouched is the promise.
  std::vector<std::string> taken;
  EXPECT_TRUE(inbox.TakeAll(taken, std::nullopt));
  EXPECT_EQ(taken, std::vector<std::string>{"a"});
  EXPECT_TRUE(inbox.Put("c", 1));
  EXPECT_TRUE(inbox.Put("d", 1));
  EXPECT_FALSE(inbox.Put("e", 1));
}

TEST(InboxTest, EveryAdmittedItemIsTakenOnceAlsoAfterClose) {
  Inbox<int> inbox(1'000'000, 1'000'000);
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_TRUE(inbox.Put(1, 1));
    });
  }
  std::jthread closer([&] {
    for (auto& writer : writers) writer.join();
    inbox.Close();
  });
  std::size_t total = 0;
  std::vector<int> taken;
  while (inbox.TakeAll(taken, std::nullopt)) total += taken.size();
  EXPECT_EQ(total, 4000U);
  EXPECT_EQ(inbox.Put(1, 1).error().code, Code::kUnavailable);
}

TEST(InboxTest, ASealedInboxRefusesRequestsButTakesNotices) {
  Inbox<int> inbox(10, 10);
  inbox.Seal();
  EXPECT_EQ(inbox.Put(1, 1).error().code, Code::kUnavailable);
  inbox.PutAlways(2);
  std::vector<int> taken;
  EXPECT_TRUE(inbox.TakeAll(taken, std::nullopt));
  EXPECT_EQ(taken, std::vector<int>{2});
}

}  // namespace
}  // namespace mesg
