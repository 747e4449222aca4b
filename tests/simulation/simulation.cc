#include "tests/simulation/simulation.h"

#include <memory>

#include "tests/simulation/applications.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/followers.h"
#include "tests/simulation/helper.h"
#include "tests/simulation/run_promises.h"
#include "tests/simulation/workers.h"

namespace mesg::simulation {
namespace {

engine::Settings Choose(Random& random, Duration window) {
  engine::Settings settings;
  settings.dedup_window = window;
  // Sometimes little is kept; a subscription then holds it back for as long as it takes.
  if (random.OneIn(3)) {
    settings.retention_bytes = 500 + random.Below(4000);
    settings.hold_bytes = std::uint64_t{1} << 30;
  }
  // Sometimes every cancelled execution of a deleted service takes a commit of its own.
  if (random.OneIn(2)) settings.slice_bytes = random.OneIn(2) ? 1 : 200 + random.Below(4000);
  // Sometimes there is little room for runs, and their triggers wait.
  if (random.OneIn(4)) settings.max_open_runs = 1 + random.Below(6);
  if (random.OneIn(3)) {
    settings.run_retention = std::chrono::minutes(2);
    settings.failed_run_retention = std::chrono::minutes(6);
  }
  return settings;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, const Options& options)
      : run_(seed, options.trace),
        partitions_(options.partitions.value_or(run_.random.OneIn(2) ? 1 : 7)),
        node_(run_, Choose(run_.random, kWindow), partitions_),
        promises_(run_, kWindow),
        helper_(run_, node_) {
    const World world{run_, node_, promises_};
    const std::uint64_t services = 1 + run_.random.Below(4);
    for (std::uint64_t i = 0; i < services; ++i) services_.push_back("service" + std::to_string(i));
    // Half of the lives are without applications, and have more of everything else.
    const std::uint64_t applications = run_.random.Below(2) * (1 + run_.random.Below(2));
    for (std::uint64_t i = 0; i < applications; ++i)
      plans_.push_back(PlanApplication(run_.random, "app" + std::to_string(i), services_));
    run_promises_ = std::make_unique<RunPromises>(run_, plans_);
    deployer_ = std::make_unique<Deployer>(world, services_, plans_);
    person_ = std::make_unique<Person>(world, *run_promises_, plans_);
    node_.on_fact = [this](std::size_t partition, const engine::Record& record, TimePoint time) {
      run_promises_->Fact(partition, record, time);
    };
    operator_ = std::make_unique<Operator>(world, services_);
    requester_ = std::make_unique<Requester>(world, services_);
    for (const std::string& name : services_) {
      emitters_.push_back(std::make_unique<Emitter>(world, name));
      for (int i = 0; i < 2; ++i) workers_.push_back(std::make_unique<Worker>(world, name));
    }
    broker::Filter chain;
    chain.name = services_.front();
    chain.key = "chain";
    followers_.push_back(std::make_unique<Follower>(world, 1, "", std::nullopt));
    followers_.push_back(std::make_unique<Follower>(world, 2, "", chain));
    followers_.push_back(std::make_unique<Follower>(world, 3, "subscribed", std::nullopt));
    followers_.push_back(std::make_unique<Follower>(world, 4, "to the chain", chain));
    node_.on_lagging = [this](broker::ListenerId id, std::size_t partition, std::uint64_t next) {
      for (const auto& follower : followers_) follower->Lag(id, partition, next);
    };
  }

  Report Go() {
    node_.Start();
    operator_->DeployMissing();
    // Short lives find what goes wrong at the beginning, long ones what adds up.
    const std::uint64_t steps = 200 + run_.random.Below(run_.random.OneIn(2) ? 1000 : 5000);
    for (std::uint64_t step = 0; step < steps && run_.violations.empty(); ++step) Step();
    if (run_.violations.empty()) Finish();
    Report report{run_.faults, 0, 0, 0, run_.violations};
    for (std::size_t i = 0; i < partitions_; ++i) {
      const broker::Partition::Statistics& counted = node_.At(i).Counted();
      report.events += counted.events;
      report.executions += counted.created;
      report.commits += node_.At(i).GetEngine().Current().LastCommit();
    }
    if (report.violations.empty()) {  // What is at rest is the same after a crash.
      Restart();
      TurnAll();
      node_.CheckReplicas();
      report.violations = run_.violations;
    }
    return report;
  }

 private:
  static constexpr Duration kWindow = std::chrono::minutes(10);

  void Restart() {
    run_.Say("---- crash ----");
    node_.Crash();
    node_.Start();
  }

  void Pass(Duration time) { run_.now += time; }

  void Step() {
    Random& random = run_.random;
    const std::size_t partition = random.Below(partitions_);
    const std::uint64_t what = random.Below(1000);
    if (node_.Failed() || what < 12) {
      Restart();
    } else if (what < 300) {
      node_.Turn(partition, random.Percent(70));
    } else if (what < 500) {
      node_.StepDisk(partition);
      // The very boundary of a commit: nobody knows of it yet.
      if (random.OneIn(100)) Restart();
    } else if (what < 510) {
      node_.Stall(partition);
    } else if (what < 530) {
      node_.Release(partition);
    } else if (what < 532) {
      node_.FailNextCommit(partition);
    } else if (what < 600) {
      random.Of(emitters_)->Act();
    } else if (what < 690) {
      requester_->Act();
    } else if (what < 830) {
      random.Of(workers_)->Act();
    } else if (what < 840) {
      operator_->Act();
    } else if (!plans_.empty() && what < 900) {
      ActOnApplications(what - 840);
    } else if (what < 930) {
      random.Of(followers_)->Act();
    } else if (what < 997) {
      Pass(std::chrono::milliseconds(random.Below(3000)));
    } else {
      run_.faults.Add(Fault::kLongPause);
      Pass(std::chrono::seconds(random.Below(400)));
    }
  }

  void ActOnApplications(std::uint64_t what) {
    if (what < 6) {
      deployer_->Act();
    } else if (what < 30) {
      person_->Act();
    } else {
      helper_.Act();
    }
  }

  // ---- The end: faults stop, everything has to finish ----

  void TurnAll() {
    for (int round = 0; round < 100; ++round) {
      for (std::size_t i = 0; i < partitions_; ++i) {
        node_.Release(i);
        node_.Turn(i, /*all=*/true);
        node_.StepDisk(i);
      }
      if (node_.Quiet()) return;
    }
  }

  bool Everything() const {
    for (std::size_t i = 0; i < partitions_; ++i) {
      if (!node_.At(i).GetEngine().Current().Open().empty()) return false;
    }
    for (const auto& follower : followers_) {
      if (!follower->CaughtUp()) return false;
    }
    return node_.Quiet() && run_promises_->AllEnded();
  }

  /// Whatever has work gets a worker, unless it has one.
  void StaffInstances() {
    for (const auto& [hash, instance] : node_.Instances()) {
      bool staffed = false;
      for (const auto& worker : workers_) staffed = staffed || worker->IsConnectedTo(hash);
      if (staffed) continue;
      workers_.push_back(
          std::make_unique<Worker>(World{run_, node_, promises_}, instance->source->name));
      workers_.back()->ConnectTo(hash);
    }
  }

  void Finish() {
    run_.Say("---- faults stop ----");
    if (node_.Failed()) Restart();
    run_.calm = true;
    TurnAll();
    if (node_.Failed()) Restart();
    operator_->DeployMissing();
    deployer_->Settle();
    // Runs that take turns take their time.
    const int rounds = plans_.empty() ? 400 : 4000;
    // A workflow that is behind looks for room once a second: rest is what lasts longer.
    bool at_rest = false;
    for (int round = 0; round < rounds; ++round) {
      TurnAll();
      if (node_.Failed()) {  // A failure that was set before and struck now.
        Restart();
        operator_->DeployMissing();  // What was asked for may be lost with it.
        deployer_->Settle();
      }
      StaffInstances();
      requester_->ResolveUnknown();
      for (const auto& worker : workers_) {
        for (int i = 0; i < 10; ++i) worker->Act();
      }
      for (const auto& follower : followers_) follower->Act();
      for (int i = 0; i < 20; ++i) helper_.Act();
      TurnAll();
      const bool was_at_rest = std::exchange(at_rest, Everything());
      if (!run_.violations.empty() || (was_at_rest && at_rest)) break;
      Pass(std::chrono::seconds(2));
    }
    TurnAll();
    if (!Everything() && run_.violations.empty()) {
      for (std::size_t i = 0; i < followers_.size(); ++i) {
        if (!followers_[i]->CaughtUp()) run_.Violated("listener {} never catches up", i);
      }
      if (!node_.Quiet()) run_.Violated("Core never comes to rest");
      run_promises_->ReportStuck(node_);
      promises_.CheckAll(node_);
    }
    if (!run_.violations.empty()) return;
    promises_.CheckAll(node_);
    for (const auto& emitter : emitters_) emitter->Check();
    for (const auto& follower : followers_) follower->Check();
    run_promises_->CheckAll(node_);
    node_.CheckReplicas();
    for (std::size_t i = 0; i < partitions_; ++i) {
      if (node_.Oldest(i) > 1) run_.faults.Add(Fault::kHistoryTrimmed);
    }
  }

  Run run_;
  const std::size_t partitions_;
  Node node_;
  Promises promises_;
  Helper helper_;
  std::vector<std::string> services_;
  std::vector<ApplicationPlan> plans_;
  std::unique_ptr<RunPromises> run_promises_;
  std::unique_ptr<Deployer> deployer_;
  std::unique_ptr<Person> person_;
  std::unique_ptr<Operator> operator_;
  std::unique_ptr<Requester> requester_;
  std::vector<std::unique_ptr<Emitter>> emitters_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Follower>> followers_;
};

}  // namespace

Report Simulate(std::uint64_t seed, const Options& options) {
  return Simulation(seed, options).Go();
}

}  // namespace mesg::simulation
