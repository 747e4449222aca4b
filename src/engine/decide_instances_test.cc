#include <gmock/gmock.h>

#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

class DecideInstancesTest : public EngineTest {};

TEST_F(DecideInstancesTest, ANewInstanceReplacesTheOneOfItsName) {
  EXPECT_EQ(Deploy("shop", "one"), "ok");
  EXPECT_EQ(Deploy("shop", "two"), "ok");
  EXPECT_EQ(Instances(), "two active") << "nothing was pinned to the old one";
  Deploy("other", "three");
  EXPECT_EQ(Instances(), "three active, two active");
  EXPECT_EQ(Deploy("shop", "three"), "ALREADY_EXISTS") << "it is deployed by another name";
}

TEST_F(DecideInstancesTest, TheOldOneStaysUntilItsLastWorkIsDone) {
  Deploy("shop", "one");
  const ExecutionId open = Create();
  const ExecutionId unknown = Dispatched();
  Deploy("shop", "two");
  EXPECT_EQ(Instances(), "one draining, two active");
  EXPECT_EQ(Succeed(open), "ok");
  EXPECT_EQ(Lose(unknown), "ok");
  EXPECT_EQ(Instances(), "one draining, two active") << "what is unknown is not done";
  Effects();
  EXPECT_EQ(Said(Apply(Resolve{unknown, Failure{"no", false}})), "ok");
  EXPECT_EQ(Instances(), "two active");
  EXPECT_EQ(Effects(), "finished instance-gone");
}

TEST_F(DecideInstancesTest, DeployingAnInstanceAgainKeepsItsTokenAndWork) {
  Deploy("shop", "one");
  Create();
  Deploy("shop", "two");
  Instance again = *engine_->Current().Instances().at("one");
  again.token = "another token";
  EXPECT_EQ(Said(Apply(engine::Deploy{again})), "ok");
  EXPECT_EQ(Instances(), "one active") << "the other had nothing to drain";
  EXPECT_EQ(engine_->Current().Instances().at("one")->token, "token one");
  EXPECT_EQ(engine_->Current().OpenCount("one"), 1U);
}

TEST_F(DecideInstancesTest, WhatWasStartedStaysStartedWhenItIsReplaced) {
  Deploy("shop", "one");
  EXPECT_EQ(Said(Apply(SetStarted{"one", true})), "ok");
  Commit();
  EXPECT_EQ(Said(Apply(SetStarted{"one", true})), "ok");
  EXPECT_FALSE(engine_->HasChanges());
  EXPECT_EQ(Said(Apply(SetStarted{"nothing", true})), "INSTANCE_NOT_FOUND");
  Deploy("shop", "two");
  EXPECT_TRUE(engine_->Current().Instances().at("two")->started);
}

TEST_F(DecideInstancesTest, UndeployRefusesWhatIsPinnedUnlessForced) {
  Deploy("shop", "one");
  const ExecutionId first = Create();
  Deploy("shop", "two");
  EXPECT_EQ(Said(Apply(Undeploy{"shop", false, false})), "WORK_PINNED");
  EXPECT_EQ(Said(Apply(Undeploy{"shop", false, true})), "ok");
  EXPECT_EQ(State(first), "cancelled cancelled: its service was deleted");
  EXPECT_EQ(Instances(), "");
  EXPECT_EQ(Said(Apply(Undeploy{"shop", false, true})), "SERVICE_NOT_FOUND");
}

// Each slice is one execution here.
class UndeployInSlicesTest : public DecideInstancesTest {
 protected:
  UndeployInSlicesTest() {
    settings_.slice_bytes = 1;
    Open();
    Deploy("shop", "one");
    for (int i = 0; i < 3; ++i) ids_.push_back(Create());
    EXPECT_TRUE(Emit({Event("1", "id")}, {{"k", "1", {}}}));
    Deploy("shop", "two");
    ids_.push_back(Dispatched("two"));
    Deploy("other", "three");
    Commit();
  }
  ExecutionId Dispatched(const std::string& hash) {
    const NewExecution wanted = Wanted(Effect::kOnce, hash);
    EXPECT_EQ(Said(Apply(engine::Create{{wanted}})), "ok");
    EXPECT_EQ(Said(Apply(engine::Dispatch{wanted.id, 1})), "ok");
    return wanted.id;
  }
  bool Finished(bool keep_data = false) {
    const auto reply = Apply(Undeploy{"shop", keep_data, true});
    EXPECT_TRUE(reply) << reply.error().message;
    return std::get<Undeployed>(*reply).finished;
  }
  std::size_t Left() const { return engine_->Current().Open().size(); }

  std::vector<ExecutionId> ids_;
};

TEST_F(UndeployInSlicesTest, EachSliceIsACommitAndTheLastOneRemoves) {
  EXPECT_FALSE(Finished());
  EXPECT_EQ(Effects(), "finished instance instance undeploy-goes-on");
  EXPECT_EQ(Instances(), "one deleting, three active, two deleting");
  EXPECT_EQ(Left(), 3U);
  Commit();
  for (std::size_t left = 2; left > 0; --left) {
    ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
    EXPECT_EQ(Effects(), "finished undeploy-goes-on");
    EXPECT_EQ(Left(), left);
    Commit();
  }
  ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
  EXPECT_EQ(Effects(), "finished instance-gone instance-gone undeploy-done");
  Commit();
  EXPECT_EQ(Instances(), "three active");
  EXPECT_FALSE(engine_->Current().FindValue("shop", "k").value().has_value());
  for (const ExecutionId& id : ids_)
    EXPECT_EQ(State(id), "cancelled cancelled: its service was deleted");
  ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
  EXPECT_FALSE(engine_->HasChanges()) << "it is done";
}

TEST_F(UndeployInSlicesTest, NothingNewIsTakenMeanwhile) {
  EXPECT_FALSE(Finished());
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted(Effect::kNone, "two")}})), "INSTANCE_REPLACED");
  EXPECT_EQ(Said(Emit({Event("2")}, {}, "shop", "two")), "INSTANCE_NOT_FOUND");
  EXPECT_EQ(Deploy("shop", "four"), "DELETION_UNDER_WAY");
  EXPECT_EQ(Deploy("shop", "two"), "DELETION_UNDER_WAY");
  EXPECT_EQ(Said(Apply(Move{"one", "two", {ids_[1]}})), "FAILED_PRECONDITION");
  EXPECT_EQ(Said(Apply(Undeploy{"shop", true, true})), "DELETION_UNDER_WAY") << "with its data";
  EXPECT_FALSE(Finished()) << "asking again is joining it";
  EXPECT_EQ(Left(), 3U) << "and cancels nothing by itself";
}

TEST_F(UndeployInSlicesTest, WhatGetsItsResultMeanwhileKeepsIt) {
  EXPECT_FALSE(Finished());
  EXPECT_EQ(Succeed(ids_[3]), "ok");
  while (Instances() != "three active") ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
  EXPECT_EQ(State(ids_[3]), "completed done, 1:succeeded");
}

TEST_F(UndeployInSlicesTest, ItGoesOnAfterACrashAsItWasBegun) {
  EXPECT_FALSE(Finished(/*keep_data=*/true));
  Commit();
  ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
  Commit();
  for (std::size_t left = 2; left > 0; --left) {
    Open();
    EXPECT_EQ(Left(), left);
    EXPECT_TRUE(std::holds_alternative<UndeployGoesOn>(engine_->RecoveryEffects().back()));
    ASSERT_TRUE(Apply(ContinueUndeploy{"shop"}));
    Commit();
  }
  Open();
  EXPECT_EQ(Instances(), "three active");
  EXPECT_TRUE(engine_->Current().FindValue("shop", "k").value().has_value()) << "it was to be kept";
}

TEST_F(DecideInstancesTest, UndeployForgetsDataDurableOrNotUnlessItIsKept) {
  Deploy();
  Deploy("other", "two");
  ASSERT_TRUE(Emit({Event("1", "id")}, {{"k", "1", {}}}));
  ASSERT_TRUE(Emit({}, {{"k", "1", {}}}, "other", "two"));
  Commit();
  ASSERT_TRUE(Emit({}, {{"l", "1", {}}}));
  ASSERT_EQ(Said(Apply(Undeploy{"shop", /*keep_data=*/true, false})), "ok");
  EXPECT_TRUE(engine_->Current().FindValue("shop", "k").value().has_value());
  Deploy();
  ASSERT_EQ(Said(Apply(Undeploy{"shop", /*keep_data=*/false, false})), "ok");
  for (const bool durable : {false, true}) {
    EXPECT_FALSE(engine_->Current().FindValue("shop", "k").value().has_value());
    EXPECT_FALSE(engine_->Current().FindValue("shop", "l").value().has_value());
    EXPECT_TRUE(engine_->Current().FindValue("other", "k").value().has_value());
    if (!durable) Commit();
  }
  Deploy();
  EXPECT_TRUE(Emit({Event("1", "id")})->duplicates.empty());
}

TEST_F(DecideInstancesTest, WhatIsEmittedRightAfterwardsIsNotForgottenWithTheRest) {
  for (const bool durable : {false, true}) {
    Deploy();
    ASSERT_TRUE(Emit({Event("1", "id")}, {{"k", "1", {}}, {"l", "1", {}}}));
    if (durable) Commit();
    ASSERT_EQ(Said(Apply(Undeploy{"shop", /*keep_data=*/false, false})), "ok");
    Deploy();
    ASSERT_TRUE(Emit({}, {{"k", "2", std::uint64_t{0}}}));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(engine_->Current().FindValue("shop", "k").value()->value, "2");
      EXPECT_FALSE(engine_->Current().FindValue("shop", "l").value().has_value());
      Commit();
    }
    EXPECT_TRUE(Emit({Event("1", "id")})->duplicates.empty());
    ASSERT_EQ(Said(Apply(Undeploy{"shop", /*keep_data=*/false, false})), "ok");
  }
}

TEST_F(DecideInstancesTest, OnlyWhatWaitsMovesAndTheEmptyInstanceGoes) {
  Deploy("shop", "one");
  const ExecutionId waiting = Create();
  const ExecutionId dispatched = Dispatched();
  EXPECT_EQ(Said(Apply(Move{"one", "two", {waiting}})), "FAILED_PRECONDITION")
      << "it was not replaced";
  EXPECT_EQ(Said(Apply(Move{"nothing", "two", {}})), "INSTANCE_NOT_FOUND");
  Deploy("shop", "two");
  Effects();
  EXPECT_EQ(Said(Apply(Move{"one", "three", {waiting}})), "INSTANCE_REPLACED");
  const auto moved = Apply(Move{"one", "two", {waiting, dispatched, Id()}});
  EXPECT_THAT(std::get<std::vector<ExecutionId>>(*moved), ::testing::ElementsAre(waiting));
  EXPECT_EQ(Effects(), "ready");
  EXPECT_EQ(engine_->Current().OpenCount("two"), 1U);
  EXPECT_EQ(Instances(), "one draining, two active");
  EXPECT_EQ(Succeed(dispatched), "ok");
  EXPECT_EQ(Instances(), "two active");
}

}  // namespace
}  // namespace mesg::engine
