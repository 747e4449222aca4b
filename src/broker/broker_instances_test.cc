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

TEST_F(InstancesTest, TheProblemOfAWorkerIsTheInstancesUntilItIsWellOrGone) {
  const WorkerId well = Connect(shop_, worker_);
  const WorkerId ill = Connect(shop_, std::make_shared<FakeWorker>());
  EXPECT_EQ(Load(shop_).problem, "");
  broker_->ReportHealth(ill, "the database is away");
  EXPECT_EQ(Load(shop_).problem, "the database is away");
  broker_->ReportHealth(ill, "");
  EXPECT_EQ(Load(shop_).problem, "");
  broker_->ReportHealth(well, "the disk is full");
  broker_->DisconnectWorker(well);
  EXPECT_EQ(Load(shop_).problem, "");
}

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

// ---- Work that comes while its service is deployed anew ----

class RaceTest : public InstancesTest {
 protected:
  /// Deploys `yaml`, and creates `requests` together when that is decided and nobody has been told.
  std::vector<Result<engine::Created>> CreateDuringDeploy(std::string_view yaml,
                                                          std::vector<ExecutionRequest> requests) {
    std::promise<std::vector<Result<engine::Created>>> created;
    DuringDeploy({Record(yaml, "shop", "2")}, [&] {
      broker_->Create(std::move(requests), {}, {},
                      [&](auto results) { created.set_value(std::move(results)); });
      EXPECT_EQ(Deployed(), "old active; ") << "the caller still finds this one";
    });
    return created.get_future().get();
  }
  /// The same, of all of `next`, and each of `requests` comes alone.
  std::vector<Result<engine::Created>> CreateEachDuringDeploy(
      const std::vector<engine::Instance>& next, const std::vector<ExecutionRequest>& requests) {
    std::vector<std::promise<Result<engine::Created>>> created(requests.size());
    DuringDeploy(next, [&] {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        broker_->Create({requests[i]}, {}, {}, [&promise = created[i]](auto results) {
          promise.set_value(std::move(results.front()));
        });
      }
    });
    std::vector<Result<engine::Created>> all;
    for (auto& promise : created) all.push_back(promise.get_future().get());
    return all;
  }
};

TEST_F(RaceTest, WorkForTheServiceGoesToItsNewInstance) {
  std::string yaml(kShop);
  yaml.replace(yaml.find("timeout: 1m"), 11, "timeout: 7m");
  ExecutionRequest patient = Ship("patient");
  patient.timeout = std::chrono::minutes(3);
  const auto created = CreateDuringDeploy(yaml, {Ship("a"), patient});
  for (const auto& one : created) ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(Deployed(), "new active; ");
  const InstancePtr now = broker_->Deployed()->Find("shop").value();
  const auto execution = Get(created[0]->id)->execution;
  EXPECT_EQ(*execution->source, *now->GetSource());
  EXPECT_EQ(execution->timeout, std::chrono::minutes(7)) << "as the new definition says";
  EXPECT_EQ(Get(created[1]->id)->execution->timeout, std::chrono::minutes(3)) << "as was asked";
  Connect(now, worker_);
  EXPECT_EQ(worker_->log.Lines(2), R"(ship {"order":"a"} #1; ship {"order":"patient"} #1; )");
}

TEST_F(RaceTest, WhatDoesNotFitTheNewDefinitionIsRefusedAlone) {
  std::string yaml(kShop);
  yaml.resize(yaml.find("  charge:"));
  const auto created = CreateDuringDeploy(yaml, {Ship("a"), Charge(), Ship("b")});
  ASSERT_TRUE(created[0]);
  EXPECT_EQ(created[1].error().reason, "TASK_NOT_FOUND");
  ASSERT_TRUE(created[2]);
  EXPECT_THAT(Get(created[2]->id)->execution->inputs, HasSubstr("b"));
}

TEST_F(RaceTest, WorkForOneInstanceOrDefinitionIsNotMovedToAnother) {
  ExecutionRequest instance = Ship();
  instance.service = shop_->GetSource()->instance_hash;
  ExecutionRequest definition = Ship();
  definition.service = shop_->GetSource()->service_hash;
  std::string yaml(kShop);
  yaml.replace(yaml.find("timeout: 1m"), 11, "timeout: 7m");
  for (const auto& created : CreateDuringDeploy(yaml, {instance, definition}))
    EXPECT_EQ(created.error().reason, "INSTANCE_REPLACED");
}

TEST_F(RaceTest, ADefinitionIsCompiledOnceForAllThatWaits) {
  std::vector<ExecutionRequest> requests;
  for (int i = 0; i < 200; ++i) requests.push_back(i % 2 == 0 ? Ship("a") : Charge());
  std::string yaml(kShop);
  yaml.replace(yaml.find("timeout: 1m"), 11, "timeout: 7m");
  yaml.resize(yaml.find("  charge:"));
  const auto created = CreateEachDuringDeploy({Record(yaml, "shop", "2")}, requests);
  EXPECT_EQ(broker_->Count().contracts_made, 1U);
  const InstancePtr now = broker_->Deployed()->Find("shop").value();
  for (std::size_t i = 0; i < created.size(); ++i) {
    if (i % 2 == 1) {
      ASSERT_FALSE(created[i]);
      EXPECT_EQ(created[i].error().reason, "TASK_NOT_FOUND");
      continue;
    }
    ASSERT_TRUE(created[i]) << created[i].error().message;
    const auto execution = Get(created[i]->id)->execution;
    EXPECT_EQ(*execution->source, *now->GetSource());
    EXPECT_EQ(execution->timeout, std::chrono::minutes(7));
  }
  // The next definition is not taken for that one.
  const auto next = CreateEachDuringDeploy({Record(kShop, "shop", "3")}, {Ship("b"), Ship("c")});
  EXPECT_EQ(broker_->Count().contracts_made, 2U);
  for (const auto& one : next)
    EXPECT_EQ(Get(one.value().id)->execution->timeout, std::chrono::minutes(1));
}

TEST_F(RaceTest, ServicesThatAreDeployedTogetherAreCompiledOnceEach) {
  Deploy(kShop, "market");
  std::vector<ExecutionRequest> requests;
  for (int i = 0; i < 40; ++i) {
    requests.push_back(Ship("a"));
    if (i % 2 == 1) requests.back().service = "market";
  }
  const auto created =
      CreateEachDuringDeploy({Record(kShop, "shop", "2"), Record(kShop, "market", "2")}, requests);
  EXPECT_EQ(broker_->Count().contracts_made, 2U);
  for (std::size_t i = 0; i < created.size(); ++i) {
    ASSERT_TRUE(created[i]) << created[i].error().message;
    EXPECT_EQ(*Get(created[i]->id)->execution->source,
              *broker_->Deployed()->Find(requests[i].service).value()->GetSource());
  }
}

TEST_F(RaceTest, WhatIsDeployedAgainAfterItsDeletionIsCompiledAnew) {
  const auto replace = [&] {
    const auto created = CreateEachDuringDeploy({Record(kShop, "shop", "2")}, {Ship("a")});
    ASSERT_TRUE(created.front()) << created.front().error().message;
  };
  replace();
  ASSERT_TRUE(Undeploy(false, true));
  Deploy();
  replace();
  EXPECT_EQ(broker_->Count().contracts_made, 2U) << "nothing is kept of what is gone";
}

// ---- More than one commit takes ----

class MuchPinnedTest : public InstancesTest {
 protected:
  static constexpr std::size_t kMany = 20;

  // A megabyte of open work, where a commit takes no more than 300 kB.
  MuchPinnedTest() {
    settings_.limits.commit_bytes = 100'000;
    settings_.engine.slice_bytes = 60'000;
    Again();
    const std::vector<ExecutionRequest> requests(kMany, Ship(std::string(50'000, 'x')));
    for (const auto& created : CreateAll(requests)) ids_.push_back(created.value().id);
  }
  void Again() {
    Restart();
    stores_[0]->SetMaxBatchBytes(300'000);
  }
  std::size_t Cancelled() {
    return static_cast<std::size_t>(std::ranges::count_if(ids_, [&](const ExecutionId& id) {
      return State(id) == "cancelled cancelled: its service was deleted";
    }));
  }

  std::vector<ExecutionId> ids_;
};

TEST_F(MuchPinnedTest, DeletingByForceTakesTheCommitsItNeeds) {
  Connect(shop_, worker_, 3);
  worker_->Take(2);
  const std::uint64_t before = broker_->Count().commits;
  ASSERT_TRUE(Undeploy(false, true));
  EXPECT_EQ(Cancelled(), kMany);
  EXPECT_EQ(Deployed(), "");
  EXPECT_GE(broker_->Count().commits - before, kMany / 2);
  EXPECT_THAT(worker_->log.Lines(7), HasSubstr("drain"));
  EXPECT_EQ(worker_->Deliveries(), 3U) << "one that is being deleted hands out nothing";
  EXPECT_EQ(fatal_.size(), 0U);
}

TEST_F(MuchPinnedTest, ADeletionThatACrashInterruptsGoesOnWhenCoreStarts) {
  std::atomic<bool> refused = false;
  broker_->ObserveInstances([&](const InstancePtr& instance, bool removed) {
    EXPECT_FALSE(removed);
    if (instance->Record().state != engine::Instance::State::kDeleting) return;
    broker_->ConnectWorker({instance->GetSource()->instance_hash, "late", {}, 1}, worker_,
                           [&](const Result<WorkerId>& connected) { refused = !connected; });
    stores_[0]->FailNextCommit(DataLoss("fsync failed"));
  });
  const auto deleted = Undeploy(false, true);
  ASSERT_FALSE(deleted);
  EXPECT_THAT(deleted.error().message, HasSubstr("fsync failed"));
  Stop();
  EXPECT_TRUE(refused);
  Start();
  for (int i = 0; i < 20'000 && !Deployed().empty(); ++i) Settle();
  EXPECT_EQ(Deployed(), "");
  EXPECT_EQ(Cancelled(), kMany);
  EXPECT_TRUE(Deploy());
  EXPECT_EQ(fatal_.size(), 1U) << "of the commit that failed";
}

TEST_F(MuchPinnedTest, MovingTakesTheCommitsItNeeds) {
  const InstancePtr next = Deploy(kShop, "shop", "2");
  const auto moved =
      Ask<Broker::Moved>([&](auto reply) { broker_->MovePinned(shop_, std::move(reply)); });
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->moved, kMany);
  EXPECT_EQ(Load(next).open, kMany);
  EXPECT_EQ(Deployed(), "new active; ");
  EXPECT_EQ(fatal_.size(), 0U);
}

/// The disk fails once it is handed work.
class Saboteur final : public WorkerSink {
 public:
  explicit Saboteur(store::memory::MemoryStore& store) : store_(store) {}
  void Deliver(const Delivery&) override { store_.FailNextCommit(DataLoss("fsync failed")); }
  void Cancelled(std::string_view, std::string_view) override {}
  void Drain() override {}
  void Flush() override {}

 private:
  store::memory::MemoryStore& store_;
};

TEST_F(MuchPinnedTest, MovingThatACrashInterruptsIsFinishedByAskingAgain) {
  const InstancePtr next = Deploy(kShop, "shop", "2");
  ASSERT_TRUE(Ask<WorkerId>([&](auto reply) {
    broker_->ConnectWorker({next->GetSource()->instance_hash, "w", {}, 1},
                           std::make_shared<Saboteur>(*stores_[0]), std::move(reply));
  }));
  const auto move = [&] {
    return Ask<Broker::Moved>([&](auto reply) { broker_->MovePinned(shop_, std::move(reply)); });
  };
  const auto interrupted = move();
  ASSERT_FALSE(interrupted);
  EXPECT_THAT(interrupted.error().message, HasSubstr("fsync failed"));
  EXPECT_THAT(interrupted.error().message, HasSubstr("(2 were moved before)"));
  Again();
  EXPECT_EQ(Load(next).open, 2U);
  EXPECT_EQ(Load(shop_).open, kMany - 2);
  const auto finished = move();
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(finished->moved, kMany - 2);
  EXPECT_EQ(Load(next).open, kMany);
  EXPECT_EQ(Deployed(), "new active; ");
}

TEST_F(InstancesTest, OfVeryManyThatStayTheFirstAreListed) {
  CreateAll(std::vector<ExecutionRequest>(1'002, Charge()));
  std::string yaml(kShop);
  yaml.resize(yaml.find("  charge:"));
  Deploy(yaml);
  const auto moved =
      Ask<Broker::Moved>([&](auto reply) { broker_->MovePinned(shop_, std::move(reply)); });
  ASSERT_TRUE(moved);
  ASSERT_EQ(moved->kept.size(), 1'001U);
  EXPECT_THAT(moved->kept.front(), HasSubstr("no such task"));
  EXPECT_EQ(moved->kept.back(), "and 2 more");
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
