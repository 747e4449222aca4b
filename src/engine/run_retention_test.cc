#include <gmock/gmock.h>

#include "engine/run_fixture_test.h"

/// How long runs are kept when they have ended.
namespace mesg::engine {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using std::chrono::hours;

class RunRetentionTest : public RunTest {
 protected:
  /// As many ticks as it takes until one finds nothing to do.
  void Tidy() {
    for (int turn = 0; turn < 100; ++turn) {
      ASSERT_TRUE(Apply(Tick{}));
      if (!engine_->HasChanges()) return;
      Commit();
    }
    FAIL() << "there is always something to forget";
  }
  std::size_t CountOf(keys::Table table) const {
    const keys::Range range = keys::All(table);
    const auto cursor = store_->Read(range.from, range.to);
    std::size_t count = 0;
    for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) ++count;
    return count;
  }
};

TEST_F(RunRetentionTest, FailedRunsThatAreKeptLongerKeepNoOtherRun) {
  Install(R"(
  sell:
    on: shop.order
    steps: [ { if: .id == 1, fail: "no" }, { set: 1 } ]
)");
  // More than one tick forgets.
  constexpr std::size_t kFailed = 1100;
  for (std::size_t i = 0; i < kFailed; ++i) Emit("order", R"({"id":1})");
  Commit();
  now_ += hours(1);
  for (int i = 0; i < 3; ++i) Emit("order", R"({"id":2})");
  ASSERT_THAT(States(), SizeIs(kFailed + 3));

  now_ += settings_.run_retention + hours(1);
  ASSERT_TRUE(Apply(Tick{}));  // The first one already.
  EXPECT_THAT(States(), SizeIs(kFailed));
  EXPECT_THAT(States(), Each("failed: no"));
  EXPECT_EQ(CountOf(keys::Table::kEndedRun), 0U);

  now_ += settings_.failed_run_retention - settings_.run_retention;
  Tidy();
  EXPECT_THAT(States(), IsEmpty());
  for (const auto table : {keys::Table::kEndedFailedRun, keys::Table::kFailedRun,
                           keys::Table::kRunHead, keys::Table::kRunStep}) {
    EXPECT_EQ(CountOf(table), 0U) << static_cast<char>(table);
  }
}

TEST_F(RunRetentionTest, AFailedRunThatWasRetriedIsKeptAsLongAsAnyOther) {
  Install(R"(
  sell: { on: shop.order, steps: [ { task: shop.bill, with: { amount: 1 } } ] }
)");
  Emit("order", R"({"id":1})");
  Fail("bill");
  const RunId id = Runs()[0]->id;
  now_ += settings_.failed_run_retention + hours(1);
  // Its retry is not durable when the tick comes.
  ASSERT_TRUE(Apply(RetryRun{id}));
  ASSERT_TRUE(Apply(Tick{}));
  EXPECT_THAT(States(), ElementsAre("running"));
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_EQ(CountOf(keys::Table::kEndedFailedRun), 0U);
  Tidy();
  EXPECT_THAT(States(), ElementsAre("completed"));
  now_ += settings_.run_retention + hours(1);
  Tidy();
  EXPECT_THAT(States(), IsEmpty());
}

}  // namespace
}  // namespace mesg::engine
