#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InstancesTest : public BrokerTest {
 protected:
  InstancesTest() {
    Start();
    shop_ = Deploy();
  }
  Result<void> Undeploy(bool keep_data, bool force) {
    return Ask<void>(
        [&](auto reply) { broker_->Undeploy("shop", keep_data, force, std::move(reply)); });
  }
  /// "shop active, shop-2 draining"
  std::string Deployed() const {
    std::string text;
    for (const InstancePtr& instance : broker_->Deployed()->Instances()) {
      text +=
          instance->GetSource()->instance_hash == shop_->GetSource()->instance_hash ? "old" : "new";
      text += instance->Record().state == engine::Instance::State::kActive ? " active; "
                                                                           : " draining; ";
    }
    return text;
  }
  Broker::InstanceLoad Load(const InstancePtr& instance) {
    return Ask<Broker::InstanceLoad>([&](auto reply) { broker_->Load(instance, std::move(reply)); })
        .value();
  }

  InstancePtr shop_;
  std::shared_ptr<FakeWorker> worker_ = std::make_shared<FakeWorker>();
};

TEST_F(InstancesTest, TheOldOneDrainsWhatIsPinnedToItThenGoes) {
  Connect(shop_, worker_, 1);
  const auto running = Create(Ship("running"));
  worker_->Take(0);
  const InstancePtr next = Deploy(kShop, "shop", "2");
  EXPECT_THAT(Deployed(), HasSubstr("old draining"));
  const auto fresh = Create(Ship("fresh"));
  const auto worker = std::make_shared<FakeWorker>();
  Connect(next, worker);
  EXPECT_EQ(worker->Take(0).execution, fresh->id);
  EXPECT_EQ(Load(shop_).open, 1U);
  EXPECT_EQ(Load(shop_).workers, 1U);
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id), shop_->GetSource()->instance_hash));
  EXPECT_EQ(State(running->id), "completed sent");
  EXPECT_EQ(Deployed(), "new active; ");
  EXPECT_THAT(worker_->log.Lines(2), HasSubstr("drain"));
  // Nothing is accepted of it any more.
  EXPECT_EQ(Emit(shop_, {Ordered("late")}).error().reason, "INSTANCE_NOT_FOUND");
  const auto connect = Ask<WorkerId>([&](auto reply) {
    broker_->ConnectWorker({shop_->GetSource()->instance_hash, "w", {}, 1}, worker_,
                           std::move(reply));
  });
  EXPECT_EQ(connect.error().reason, "INSTANCE_NOT_FOUND");
}

TEST_F(InstancesTest, CompatibleWorkThatWasNotDeliveredCanBeMoved) {
  Connect(shop_, worker_, 1);
  const auto delivered = Create(Ship("delivered"));
  worker_->Take(0);
  const auto waiting = Create(Ship("waiting"));
  const auto charge = Create(Charge());
  // The new one has no charge.
  std::string yaml(kShop);
  yaml.resize(yaml.find("  charge:"));
  const InstancePtr next = Deploy(yaml);
  const auto moved =
      Ask<Broker::Moved>([&](auto reply) { broker_->MovePinned(shop_, std::move(reply)); });
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->moved, 1U);
  ASSERT_EQ(moved->kept.size(), 2U);
  EXPECT_THAT(moved->kept, ::testing::UnorderedElementsAre(
                               delivered->id.Text() + ": it was delivered",
                               charge->id.Text() + ": the new definition has no such task"));
  const auto worker = std::make_shared<FakeWorker>();
  Connect(next, worker);
  EXPECT_EQ(worker->Take(0).execution, waiting->id);
  ASSERT_TRUE(Answer(Sent(worker->Take(0).id), next->GetSource()->instance_hash));
  EXPECT_EQ(State(waiting->id), "completed sent");
  const auto refused =
      Ask<Broker::Moved>([&](auto reply) { broker_->MovePinned(next, std::move(reply)); });
  EXPECT_FALSE(refused) << "it was not replaced";
}

TEST_F(InstancesTest, DeployingTheVerySameAgainChangesNothing) {
  ASSERT_TRUE(Create(Ship()));
  const InstancePtr again = Deploy();
  EXPECT_EQ(again->Record().token, shop_->Record().token);
  EXPECT_EQ(Deployed(), "old active; ");
  EXPECT_EQ(Load(again).open, 1U);
  // And back to an older one that still drains.
  Deploy(kShop, "shop", "2");
  EXPECT_THAT(Deployed(), HasSubstr("old draining"));
  Deploy();
  EXPECT_EQ(Deployed(), "old active; ");
}

TEST_F(InstancesTest, AnInstanceBelongsToOneName) {
  engine::Instance record = Record(kShop, "other");
  record.source =
      std::make_shared<const Source>(Source{"other", "hash", shop_->GetSource()->instance_hash});
  // Its partition may be another one; with one partition it is seen.
  const auto deployed = Ask<void>([&](auto reply) { broker_->Deploy(record, std::move(reply)); });
  ASSERT_FALSE(deployed);
  EXPECT_EQ(deployed.error().code, Code::kAlreadyExists);
}

TEST_F(InstancesTest, ADefinitionThatCannotBeReadIsRefused) {
  engine::Instance record = Record(kShop, "broken");
  record.definition = "{";
  const auto deployed = Ask<void>([&](auto reply) { broker_->Deploy(record, std::move(reply)); });
  EXPECT_FALSE(deployed);
  EXPECT_EQ(Deployed(), "old active; ");
}

TEST_F(InstancesTest, DeletingRefusesWhilePinnedAndCancelsByForce) {
  ASSERT_TRUE(Emit(shop_, {Ordered("a", "id")}, {{"k", "1", {}}}));
  Connect(shop_, worker_, 1);
  const auto created = Create(Ship());
  worker_->Take(0);
  EXPECT_EQ(Undeploy(false, false).error().reason, "WORK_PINNED");
  ASSERT_TRUE(Undeploy(false, true));
  EXPECT_EQ(State(created->id), "cancelled cancelled: its service was deleted");
  EXPECT_EQ(Deployed(), "");
  EXPECT_THAT(worker_->log.Lines(3), HasSubstr("drain"));
  EXPECT_EQ(Undeploy(false, true).error().reason, "SERVICE_NOT_FOUND");
  EXPECT_EQ(Create(Ship()).error().reason, "SERVICE_NOT_FOUND");
  // Its data went with it.
  shop_ = Deploy();
  EXPECT_EQ(broker_->GetKeys(shop_, {"k"})->front().version, 0U);
  const auto again = Emit(shop_, {Ordered("a", "id")});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicates.empty());
}

TEST_F(InstancesTest, DataIsKeptOnRequest) {
  ASSERT_TRUE(Emit(shop_, {Ordered("a", "id")}, {{"k", "1", {}}}));
  ASSERT_TRUE(Undeploy(true, false));
  shop_ = Deploy();
  EXPECT_EQ(broker_->GetKeys(shop_, {"k"})->front().value, "1");
  EXPECT_THAT(Emit(shop_, {Ordered("a", "id")})->duplicates, ElementsAre(0));
}

TEST_F(InstancesTest, ObserversHearOfEveryChangeAndOfWhatIsThere) {
  Log log;
  broker_->ObserveInstances([&](const InstancePtr& instance, bool removed) {
    log.Add(instance->Name() + (removed                      ? " removed"
                                : instance->Record().started ? " started"
                                                             : " deployed"));
  });
  EXPECT_EQ(log.Lines(1), "shop deployed; ");
  const auto start = [&](bool started) {
    return Ask<void>([&](auto reply) { broker_->SetStarted(shop_, started, std::move(reply)); });
  };
  ASSERT_TRUE(start(true));
  ASSERT_TRUE(start(true));
  EXPECT_EQ(log.Lines(2), "shop deployed; shop started; ");
  ASSERT_TRUE(Undeploy(false, false));
  EXPECT_EQ(log.Lines(3), "shop deployed; shop started; shop removed; ");
  EXPECT_EQ(start(true).error().reason, "INSTANCE_NOT_FOUND");
}

TEST_F(InstancesTest, AServiceIsFoundByNameSidAndHashes) {
  const auto find = [&](const std::string& service) {
    const auto found = broker_->Deployed()->Find(service);
    return found ? (*found)->Name() : found.error().reason;
  };
  EXPECT_EQ(find("shop"), "shop");
  EXPECT_EQ(find(shop_->GetSource()->service_hash), "shop");
  EXPECT_EQ(find(shop_->GetSource()->instance_hash), "shop");
  EXPECT_EQ(find("shp"), "SERVICE_NOT_FOUND");
  Deploy(kShop, "second");
  EXPECT_EQ(find("second"), "second");
  EXPECT_EQ(find(shop_->GetSource()->service_hash), "SERVICE_AMBIGUOUS");
  EXPECT_EQ(broker_->Deployed()->FindByToken(shop_->Record().token).value()->Name(), "shop");
  EXPECT_EQ(broker_->Deployed()->FindByToken("nonsense").error().reason, "UNKNOWN_TOKEN");
}

}  // namespace
}  // namespace mesg::broker
