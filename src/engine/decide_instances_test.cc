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

TEST_F(DecideInstancesTest, OnlyWhatWaitsMovesAndTheEmptyInstanceGoes) {
  Deploy("shop", "one");
  const ExecutionId waiting = Create();
  const ExecutionId dispatched = Dispatched();
  EXPECT_EQ(Said(Apply(Move{"one", {waiting}})), "FAILED_PRECONDITION") << "it was not replaced";
  EXPECT_EQ(Said(Apply(Move{"nothing", {}})), "INSTANCE_NOT_FOUND");
  Deploy("shop", "two");
  Effects();
  const auto moved = Apply(Move{"one", {waiting, dispatched, Id()}});
  EXPECT_THAT(std::get<std::vector<ExecutionId>>(*moved), ::testing::ElementsAre(waiting));
  EXPECT_EQ(Effects(), "ready");
  EXPECT_EQ(engine_->Current().OpenCount("two"), 1U);
  EXPECT_EQ(Instances(), "one draining, two active");
  EXPECT_EQ(Succeed(dispatched), "ok");
  EXPECT_EQ(Instances(), "two active");
}

}  // namespace
}  // namespace mesg::engine
