#include <algorithm>
#include <utility>

#include "engine/engine.h"
#include "engine/keys.h"

namespace mesg::engine {

// An application lives in the partition of its name, where an instance of that name would live too.
// Every partition keeps a copy: to know its triggers, and what its runs are made of.

namespace {

// Runs of a deleted application that are looked at in one turn.
constexpr std::size_t kCancelAtOnce = 256;

Error NoSuchApplication(const std::string& name) {
  return NotFound("application \"{}\" is not deployed", name).Because("APPLICATION_NOT_FOUND");
}

/// Whether the same facts, or times, are what the workflow looks at in both versions.
bool SameTrigger(const app::Program& before, const app::Workflow& old, const app::Program& after,
                 const app::Workflow& now) {
  const app::Trigger& a = old.on;
  const app::Trigger& b = now.on;
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case app::Trigger::Kind::kEvent:
    case app::Trigger::Kind::kResult:
      return a.reference.key == b.reference.key &&
             before.InstanceOf(a.reference.alias) == after.InstanceOf(b.reference.alias);
    case app::Trigger::Kind::kSchedule:
      return a.schedule == b.schedule && a.timezone == b.timezone;
    case app::Trigger::Kind::kManual:
      return true;
  }
  return false;
}

}  // namespace

Result<app::ProgramPtr> Engine::ProgramOf(const std::string& name,
                                          const std::string& version) const {
  if (const auto known = programs_.find(version); known != programs_.end()) return known->second;
  const ApplicationPtr application = Runs().FindApplication(name, version);
  if (application == nullptr) {
    return NotFound("version {} of application \"{}\" is not deployed", version, name);
  }
  auto program =
      app::Program::Compile({application->file_name, application->text, application->inputs,
                             application->env, application->services});
  if (!program) return Annotate(std::move(program).error(), "compiling a stored application");
  programs_.emplace(version, *program);
  return *program;
}

Result<Reply> Engine::On(DeployApplication&& command, TimePoint now) {
  Application wanted = std::move(command.application);
  if (!InstancesOf(wanted.name).empty()) {
    return AlreadyExists(
               "a service is deployed as \"{}\"; an application needs a name of its own, under "
               "which its events are heard",
               wanted.name)
        .Because("NAME_TAKEN");
  }
  const ApplicationPtr current = Runs().CurrentApplication(wanted.name);
  if (current != nullptr && current->state == Application::State::kDeleting) {
    return FailedPrecondition("application \"{}\" is being deleted; deploy it when it is gone",
                              wanted.name)
        .Because("DELETION_UNDER_WAY");
  }
  if (current != nullptr && current->version == wanted.version) return Reply(current);
  // A paused or stopped one stays so: who deploys a new version does not say that it should run.
  wanted.state = current == nullptr ? Application::State::kActive : current->state;
  wanted.deployed = now;
  const auto application = std::make_shared<const Application>(std::move(wanted));
  for (PartitionId to = 0; to < settings_.partitions; ++to)
    SendTo(to, ApplicationMoved{application});
  return Reply(application);
}

Result<Reply> Engine::On(SetApplicationState&& command, TimePoint) {
  const ApplicationPtr current = Runs().CurrentApplication(command.name);
  if (current == nullptr) return NoSuchApplication(command.name);
  if (current->state == Application::State::kDeleting) {
    return FailedPrecondition("application \"{}\" is being deleted", command.name)
        .Because("DELETION_UNDER_WAY");
  }
  auto changed = std::make_shared<Application>(*current);
  changed->state = command.state;
  const ApplicationPtr application = std::move(changed);
  for (PartitionId to = 0; to < settings_.partitions; ++to)
    SendTo(to, ApplicationMoved{application});
  return Reply(application);
}

Result<Reply> Engine::On(DeleteApplication&& command, TimePoint) {
  const ApplicationPtr current = Runs().CurrentApplication(command.name);
  if (current == nullptr) return NoSuchApplication(command.name);
  std::uint64_t open = 0;
  for (const auto& [key, application] : Runs().Applications()) {
    if (key.first == command.name) open += Runs().Runs(key.first, key.second).open;
  }
  if (open > 0 && !command.force) {
    return FailedPrecondition(
               "application \"{}\" has {} runs under way; wait for them, or delete with force to "
               "cancel them",
               command.name, open)
        .Because("RUNS_UNDER_WAY");
  }
  auto changed = std::make_shared<Application>(*current);
  changed->state = Application::State::kDeleting;
  const ApplicationPtr application = std::move(changed);
  for (PartitionId to = 0; to < settings_.partitions; ++to)
    SendTo(to, ApplicationMoved{application});
  return Reply(application);
}

// ---- In every partition ----

Result<void> Engine::Take(ApplicationMoved&& moved, TimePoint now) {
  const Application& after = *moved.application;
  const ApplicationPtr before = Runs().CurrentApplication(after.name);
  const app::ProgramPtr old =
      before == nullptr ? nullptr : MESG_TRY(ProgramOf(before->name, before->version));
  if (before != nullptr && before->version != after.version) {
    auto replaced = std::make_shared<Application>(*before);
    replaced->state = Application::State::kReplaced;
    Add(ApplicationPut{std::move(replaced)});
  }
  Add(ApplicationPut{moved.application});
  triggers_indexed_ = false;
  const app::ProgramPtr program = MESG_TRY(ProgramOf(after.name, after.version));

  const bool here =
      PartitionOf(SlotOfName(after.name), settings_.partitions) == settings_.partition;
  const auto forget = [&](const std::string& workflow) {
    if (Runs().Cursors().contains({after.name, workflow})) {
      Add(CursorMoved{after.name, workflow, std::nullopt, ""});
    }
    pumped_.erase({after.name, workflow});
    if (Runs().Schedules().contains({after.name, workflow})) {
      Add(ScheduleMoved{after.name, workflow, std::nullopt});
    }
    due_.erase({after.name, workflow});
  };
  // Workflows that are no more, or have another trigger: what that one saw is not what this one
  // would have.
  if (old != nullptr) {
    for (const app::Flow& flow : old->Flows()) {
      const app::Flow* const same = program->FindFlow(flow.workflow->key);
      if (same == nullptr || !SameTrigger(*old, *flow.workflow, *program, *same->workflow)) {
        forget(flow.workflow->key);
      }
    }
  }
  for (const app::Flow& flow : program->Flows()) {
    const std::string& workflow = flow.workflow->key;
    const app::Trigger::Kind kind = flow.workflow->on.kind;
    const RunTable::WorkflowKey key(after.name, workflow);
    pumped_.erase(key);
    due_.erase(key);
    if (after.state == Application::State::kStopped ||
        after.state == Application::State::kDeleting) {
      forget(workflow);
    } else if (kind == app::Trigger::Kind::kSchedule) {
      if (here && !Runs().Schedules().contains(key)) Add(ScheduleMoved{after.name, workflow, now});
    } else if (kind != app::Trigger::Kind::kManual) {
      const auto cursor = Runs().Cursors().find(key);
      if (cursor == Runs().Cursors().end() && after.state == Application::State::kPaused) {
        Add(CursorMoved{after.name, workflow, state_.Numbers().next_sequence, ""});
      } else if (cursor != Runs().Cursors().end() && !cursor->second.problem.empty() &&
                 after.state == Application::State::kActive) {
        // Somebody has seen it: it goes on with what is kept.
        Add(CursorMoved{after.name, workflow,
                        std::max(cursor->second.next, state_.Numbers().oldest_sequence), ""});
      }
    }
  }
  pump_ = true;
  Tell(ApplicationChanged{moved.application});
  if (before != nullptr && before->version != after.version) {
    ForgetIfUnused(before->name, before->version);
  }
  for (const PartitionId from : std::exchange(stalled_, {})) Tell(AskAgain{from});
  return after.state == Application::State::kDeleting ? CancelRunsOfDeleted(now) : Result<void>();
}

// Whether a message to this partition needs the version: the run it starts will be looked after.
bool Engine::IsOnItsWay(const std::string& name, const std::string& version) const {
  return std::ranges::any_of(state_.Outgoing(), [&](const auto& message) {
    const auto body = DecodeBody(message.second);
    const auto* const start = body ? std::get_if<StartRun>(&*body) : nullptr;
    return start != nullptr && start->application == name && start->version == version;
  });
}

void Engine::ForgetIfUnused(const std::string& name, const std::string& version) {
  // Runs of it elsewhere may start others here, and messages that need it may be under way; which
  // this partition alone cannot know.
  if (settings_.partitions > 1) return;
  const ApplicationPtr application = Runs().FindApplication(name, version);
  if (application == nullptr || application->state != Application::State::kReplaced ||
      Runs().Runs(name, version).kept > 0 || IsOnItsWay(name, version)) {
    return;
  }
  Add(ApplicationGone{name, version});
  programs_.erase(version);
}

// A part of the runs a turn; those that began meanwhile are found when it begins anew.
Result<void> Engine::CancelRunsOfDeleted(TimePoint now) {
  std::vector<ApplicationPtr> going;
  for (const auto& [key, application] : Runs().Applications()) {
    if (application->state == Application::State::kDeleting) going.push_back(application);
  }
  for (const ApplicationPtr& application : going) {
    std::uint64_t open = 0;
    for (const auto& [key, version] : Runs().Applications()) {
      if (key.first == application->name) open += Runs().Runs(key.first, key.second).open;
    }
    if (open > 0) continue;
    auto gone = std::make_shared<Application>(*application);
    gone->state = Application::State::kReplaced;
    const std::string version = gone->version;
    Add(ApplicationPut{std::move(gone)});
    triggers_indexed_ = false;
    Tell(ApplicationChanged{Runs().FindApplication(application->name, version)});
    ForgetIfUnused(application->name, version);
  }
  if (going.empty()) {
    deletion_scan_ = 0;
    deletion_after_.reset();
    return {};
  }
  const keys::Range range = keys::All(keys::Table::kRunByNumber);
  const auto cursor = state_.Storage().Read(range.from, range.to);
  std::size_t seen = 0;
  std::vector<RunId> found;
  for (cursor->Seek(keys::RunByNumber(deletion_scan_)); cursor->Valid() && seen < kCancelAtOnce;
       cursor->Next(), ++seen) {
    deletion_scan_ = keys::NumberOf(cursor->Key()) + 1;
    if (const auto id = ExecutionId::FromBytes(cursor->Value())) found.push_back(*id);
  }
  MESG_TRY(cursor->Status());
  // Those that undo what they did have their time.
  constexpr Duration kPass = std::chrono::milliseconds(200);
  if (!cursor->Valid()) deletion_scan_ = 0;
  deletion_after_ = cursor->Valid() ? now : now + kPass;
  for (const RunId& id : found) {
    const RunPtr run = MESG_TRY(Runs().Find(id));
    const bool of_one = run != nullptr && !IsEnded(run->state) && !run->cancelled &&
                        std::ranges::any_of(going, [&](const ApplicationPtr& application) {
                          return application->name == run->application;
                        });
    if (!of_one) continue;
    MESG_TRY(MoveRun(id, now, [](RunStepper& stepper) {
      return stepper.Cancel("its application was deleted");
    }));
  }
  return {};
}

}  // namespace mesg::engine
