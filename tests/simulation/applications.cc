#include "tests/simulation/applications.h"

#include <algorithm>
#include <utility>

#include "app/program/program.h"
#include "base/encoding.h"
#include "engine/run_stepper.h"
#include "tests/simulation/run_promises.h"

namespace mesg::simulation {

using State = engine::Application::State;

// ---- Deployer ----

void Deployer::Deploy(const ApplicationPlan& plan) {
  std::vector<engine::Application>& versions = versions_[plan.name];
  engine::Application application;
  if (!versions.empty() && world_.run.random.Percent(20)) {
    application = world_.run.random.Of(versions);
  } else {
    application.name = plan.name;
    application.file_name = "app.yml";
    application.text = Author(world_.run.random, plan, services_).Write();
    application.text += fmt::format("# version {}\n", next_version_++);
    const app::ProgramSource source{application.file_name, application.text, {}, {}, {}};
    const auto program = app::Program::Compile(source);
    if (!program) {
      world_.run.Violated("a random application is refused: {}\n{}", program.error().message,
                          application.text);
      return;
    }
    application.version = source.Hash();
    versions.push_back(application);
  }
  world_.run.Say("deploy {} {}\n{}", plan.name, application.version, application.text);
  world_.node.Submit(world_.node.PartitionOf(plan.name),
                     [application](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::DeployApplication{application}, {}, now);
                     });
}

void Deployer::SetState(const std::string& name, State state) {
  world_.run.Say("{} becomes {}", name, static_cast<int>(state));
  world_.node.Submit(world_.node.PartitionOf(name),
                     [name, state](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::SetApplicationState{name, state}, {}, now);
                     });
}

void Deployer::Delete(const std::string& name, bool force) {
  world_.run.Say("delete {}{}", name, force ? " by force" : "");
  world_.node.Submit(world_.node.PartitionOf(name),
                     [name, force](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::DeleteApplication{name, force}, {}, now);
                     });
}

void Deployer::Act() {
  Random& random = world_.run.random;
  if (plans_.empty()) return;
  const ApplicationPlan& plan = plans_[random.Below(plans_.size())];
  const auto current = world_.node.At(world_.node.PartitionOf(plan.name))
                           .GetEngine()
                           .Current()
                           .Runs()
                           .CurrentApplication(plan.name);
  if (current == nullptr) return Deploy(plan);
  const std::uint64_t what = random.Below(100);
  if (current->state != State::kActive && what < 50) return SetState(plan.name, State::kActive);
  if (what < 45) {
    world_.run.faults.Add(Fault::kApplicationReplaced);
    Deploy(plan);
  } else if (what < 70) {
    world_.run.faults.Add(Fault::kApplicationPaused);
    SetState(plan.name, State::kPaused);
  } else if (what < 80) {
    world_.run.faults.Add(Fault::kApplicationStopped);
    SetState(plan.name, State::kStopped);
  } else {
    world_.run.faults.Add(Fault::kApplicationDeleted);
    Delete(plan.name, random.Percent(70));
  }
}

void Deployer::Settle() {
  for (const ApplicationPlan& plan : plans_) {
    const bool ticks = std::ranges::any_of(plan.workflows, [](const WorkflowPlan& workflow) {
      return workflow.on == WorkflowPlan::On::kSchedule;
    });
    SetState(plan.name, ticks ? State::kStopped : State::kActive);
  }
}

// ---- Person ----

void Person::Act() {
  const std::uint64_t what = world_.run.random.Below(100);
  if (what < 45) return Start();
  if (what < 65) return Decide();
  if (what < 80) return Cancel();
  GoOn(/*reset=*/what >= 90);
}

void Person::Start() {
  Random& random = world_.run.random;
  if (plans_.empty()) return;
  const ApplicationPlan& plan = plans_[random.Below(plans_.size())];
  const auto current = world_.node.At(world_.node.PartitionOf(plan.name))
                           .GetEngine()
                           .Current()
                           .Runs()
                           .CurrentApplication(plan.name);
  if (current == nullptr) return;
  const std::string workflow = random.OneIn(4) ? "child" : "byhand";
  const auto program =
      app::Program::Compile({current->file_name, current->text, current->inputs, {}, {}});
  MESG_CHECK(program);
  const std::string seed = random.Bytes(ExecutionId::kRandomSize);
  const auto id = ExecutionId::Make(
      engine::SlotOfRun(plan.name, *(*program)->FindFlow(workflow)->workflow, seed), world_.run.now,
      random.Bytes(ExecutionId::kRandomSize));
  const engine::StartWorkflow command{
      id, plan.name, current->version, workflow, fmt::format(R"({{"n":{}}})", next_number_), ""};
  ++next_number_;
  world_.node.Submit(world_.node.PartitionOf(id),
                     [this, command](broker::Partition& partition, TimePoint now) {
                       partition.Submit(
                           command,
                           [this, id = command.id](Result<engine::Reply> reply) {
                             if (reply) promises_.Acknowledged(id);
                           },
                           now);
                     });
}

void Person::Decide() {
  const auto waiting = promises_.SomeApproving();
  if (!waiting) return;
  const bool approve = world_.run.random.OneIn(2);
  world_.node.Submit(
      world_.node.PartitionOf(waiting->first),
      [this, waiting = *waiting, approve](broker::Partition& partition, TimePoint now) {
        partition.Submit(
            engine::DecideStep{waiting.first, waiting.second, approve, "eve", ""},
            [this, approve](const Result<engine::Reply>& reply) {
              if (!reply) return;
              world_.run.faults.Add(approve ? Fault::kStepApproved : Fault::kStepRejected);
            },
            now);
      });
}

void Person::Cancel() {
  const auto id = promises_.Some([](const engine::Run& run) { return !IsEnded(run.state); });
  if (!id) return;
  world_.node.Submit(
      world_.node.PartitionOf(*id), [this, id = *id](broker::Partition& partition, TimePoint now) {
        const auto run = partition.GetEngine().Current().Runs().Find(id);
        MESG_CHECK(run);
        const bool again = *run != nullptr && (*run)->cancelled;
        if (again) promises_.CancelledAgain(id);
        partition.Submit(
            engine::CancelRun{id, "somebody wanted it"},
            [this, again](const Result<engine::Reply>& reply) {
              if (!reply) return;
              world_.run.faults.Add(again ? Fault::kRunCancelledAgain : Fault::kRunCancelled);
            },
            now);
      });
}

void Person::GoOn(bool reset) {
  const auto id = promises_.Some([reset](const engine::Run& run) {
    return reset ? IsEnded(run.state) : run.state == engine::RunState::kFailed;
  });
  if (!id) return;
  promises_.AskedToGoOn(*id);
  engine::RetryRun command{*id};
  if (reset) {
    command.reset_to =
        world_.run.random.OneIn(2) ? "" : fmt::format("x{}", world_.run.random.Below(5));
  }
  world_.node.Submit(world_.node.PartitionOf(*id),
                     [this, command, reset](broker::Partition& partition, TimePoint now) {
                       partition.Submit(
                           command,
                           [this, reset](const Result<engine::Reply>& reply) {
                             if (!reply) return;
                             world_.run.faults.Add(reset ? Fault::kRunReset : Fault::kRunRetried);
                           },
                           now);
                     });
}

}  // namespace mesg::simulation
