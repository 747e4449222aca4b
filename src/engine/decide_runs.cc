#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"
#include "engine/engine.h"
#include "engine/keys.h"

namespace mesg::engine {
namespace {

constexpr std::size_t kHashSize = 16;

Error NoSuchRun(const RunId& id) {
  return NotFound("run {} does not exist, or is no longer kept", id.Text())
      .Because("RUN_NOT_FOUND");
}

/// What `key` of a workflow comes to for what started it: the same for equal values.
Result<std::string> KeyHash(const app::Expression& key, std::string_view purpose,
                            const StartRun& start, const app::Program& program) {
  if (key.NeedsHelper()) {
    return InvalidArgument("the key of {} has to be an expression that Core evaluates itself; {}",
                           purpose, key.ToJq());
  }
  const app::Value data = MESG_TRY(app::Value::Read(start.trigger.data));
  const app::Value value =
      MESG_TRY(key.Evaluate(data, ScopeOfTrigger(program, start.trigger, data, key)));
  return Sha256(
             fmt::format("{} {} {} {}", purpose, start.application, start.workflow, value.Json()))
      .substr(0, kHashSize);
}

}  // namespace

// ---- Moving one ----

void Engine::Send(std::uint16_t slot, Body&& body) {
  SendTo(PartitionOf(slot, settings_.partitions), std::move(body));
}

Result<RunStepper> Engine::Step(const RunPtr& run, TimePoint now) {
  const app::ProgramPtr program = MESG_TRY(ProgramOf(run->application, run->version));
  // The program lives as long as its application is known, which is longer than any of its runs.
  return RunStepper(*this, *program, *run, now);
}

Result<RunPtr> Engine::Settle(RunStepper& stepper, TimePoint now) {
  RunPtr run = stepper.Finish();
  if (!IsEnded(run->state)) return run;
  for (const std::string& lane : run->lanes) MESG_TRY(StartQueued(lane, now));
  return run;
}

Result<void> Engine::MoveRun(const RunId& id, TimePoint now, const Move& move) {
  const RunPtr run = MESG_TRY(Runs().Find(id));
  if (run == nullptr || IsEnded(run->state)) return {};
  auto stepper = MESG_TRY(Step(run, now));
  MESG_TRY(move(stepper));
  MESG_TRY(Settle(stepper, now));
  return {};
}

// ---- Starting ----

Result<void> Engine::Take(StartRun&& start, TimePoint now) {
  if (MESG_TRY(Runs().Find(start.id)) != nullptr) return {};
  // It was on its way while the application was deleted, and all its runs went.
  if (Runs().FindApplication(start.application, start.version) == nullptr) return {};
  const app::ProgramPtr program = MESG_TRY(ProgramOf(start.application, start.version));
  const app::Flow* const flow = program->FindFlow(start.workflow);
  if (flow == nullptr) return {};
  // It was on its way while the application was deleted. What a run of it needs goes on.
  if (start.parent.empty() && Runs().CurrentApplication(start.application) == nullptr) return {};
  const app::Workflow& workflow = *flow->workflow;

  Run run;
  run.id = start.id;
  run.application = start.application;
  run.version = start.version;
  run.workflow = start.workflow;
  run.state = RunState::kQueued;
  run.created = now;
  run.created_number = state_.Numbers().next_run_number;
  run.trigger = start.trigger;
  run.trigger.data.clear();
  run.trigger.error.clear();
  run.parent = start.parent;
  run.parent_visit = start.parent_visit;
  run.depth = start.depth;

  std::string error = start.trigger.error;
  bool dropped = false;
  std::optional<IdRemembered> remembered;
  // One that fails at once has its turn too, when it is retried.
  auto lanes = LanesOf(start, workflow, *program);
  if (!lanes && lanes.error().code == Code::kDataLoss) return lanes.error();
  if (lanes) run.lanes = *lanes;
  if (error.empty()) {
    const auto repeated = IsRepeated(start, workflow, *program, now, remembered);
    if (!repeated && repeated.error().code == Code::kDataLoss) return repeated.error();
    if (!repeated || !lanes) {
      error = (repeated ? lanes.error() : repeated.error()).message;
    } else {
      dropped = *repeated;
    }
  }
  // Is there room in the lane of `concurrency`?
  std::optional<RunId> replaced;
  if (error.empty() && !dropped && workflow.concurrency) {
    const auto* lane = Runs().LaneOf(run.lanes.back());
    const std::size_t room = MESG_TRY(RoomFor(run.application, workflow));
    const bool full = lane != nullptr && lane->size() >= room;
    if (full && workflow.concurrency->when_full == app::Concurrency::WhenFull::kDrop)
      dropped = true;
    if (full && workflow.concurrency->when_full == app::Concurrency::WhenFull::kReplace) {
      replaced = MESG_TRY(OldestToReplace(*lane, room));
    }
  }
  if (dropped) {
    if (start.parent.empty()) return {};
    Send(start.parent.Slot(),
         RunEnded{start.parent, start.parent_visit, start.id, RunState::kCancelled, "",
                  fmt::format("workflow {} did not run: there is no room, or it ran for this "
                              "already",
                              start.workflow)});
    return {};
  }

  // Only what does run keeps others from it.
  if (remembered && error.empty()) Add(*std::move(remembered));
  const RunId id = run.id;
  Add(StepEnded{id,
                {0,
                 0,
                 0,
                 0,
                 StepState::kCompleted,
                 Purpose::kNormal,
                 start.trigger.time,
                 now,
                 1,
                 {},
                 "",
                 std::move(start.trigger.data),
                 "",
                 {}}});
  auto stepper = RunStepper(*this, *program, std::move(run), now);
  if (!error.empty()) {
    MESG_TRY(stepper.FailAtOnce(std::move(error)));
    MESG_TRY(Settle(stepper, now));
    return {};
  }
  const RunPtr queued = stepper.Finish();
  if (replaced) {
    MESG_TRY(MoveRun(*replaced, now,
                     [](RunStepper& old) { return old.Cancel("a newer run took its place"); }));
  }
  if (MESG_TRY(AdmissionOf(*queued)) != Admission::kNow) return {};
  auto begun = MESG_TRY(Step(queued, now));
  // What a run's own step started has its first step in a turn of its own: no cascade in one.
  MESG_TRY(start.parent.empty() ? begun.Begin() : begun.BeginLater());
  MESG_TRY(Settle(begun, now));
  return {};
}

Result<bool> Engine::IsRepeated(const StartRun& start, const app::Workflow& workflow,
                                const app::Program& program, TimePoint now,
                                std::optional<IdRemembered>& remember) const {
  if (!workflow.dedupe || !workflow.dedupe->key) return false;
  const std::string hash =
      MESG_TRY(KeyHash(workflow.dedupe->key->expression, "dedupe", start, program));
  std::string key = keys::RememberedTrigger(start.application, start.workflow, hash);
  const auto remembered = MESG_TRY(state_.FindRemembered(key));
  if (remembered && remembered->expires > now) return true;
  remember = IdRemembered{std::move(key), 0, start.id, "", now + workflow.dedupe->window};
  return false;
}

// Those that undo what they did are about to make room, and are left to it.
Result<std::optional<RunId>> Engine::OldestToReplace(const RunTable::Lane& lane,
                                                     std::size_t limit) const {
  std::optional<RunId> oldest;
  std::size_t staying = lane.waiting.size() + lane.blocked.size();
  for (const auto& [number, id] : lane.running) {
    const RunPtr run = MESG_TRY(Runs().Find(id));
    MESG_CHECK(run != nullptr, "a run that takes turns is not stored");
    if (run->state == RunState::kCompensating) continue;
    if (!oldest) oldest = id;
    ++staying;
  }
  if (staying < limit) return std::optional<RunId>();
  return oldest ? oldest : lane.Oldest();
}

// `order` first, `concurrency` last.
Result<std::vector<std::string>> Engine::LanesOf(const StartRun& start,
                                                 const app::Workflow& workflow,
                                                 const app::Program& program) const {
  std::vector<std::string> lanes;
  if (workflow.order) {
    lanes.push_back(MESG_TRY(KeyHash(workflow.order->expression, "order", start, program)));
  }
  if (workflow.concurrency) {
    if (workflow.concurrency->key) {
      lanes.push_back(
          MESG_TRY(KeyHash(workflow.concurrency->key->expression, "concurrency", start, program)));
    } else {
      lanes.push_back(Sha256(fmt::format("concurrency {} {}", start.application, start.workflow))
                          .substr(0, kHashSize));
    }
  }
  return lanes;
}

// Of the version that is current: with one limit for each version, runs of the one with the lower
// limit would wait for as long as those of the other fill the lane.
Result<std::size_t> Engine::RoomFor(const std::string& application,
                                    const app::Workflow& workflow) const {
  const ApplicationPtr current = Runs().CurrentApplication(application);
  if (current == nullptr) return workflow.concurrency->limit;
  const app::ProgramPtr program = MESG_TRY(ProgramOf(current->name, current->version));
  const app::Flow* const flow = program->FindFlow(workflow.key);
  const bool limited = flow != nullptr && flow->workflow->concurrency;
  return limited ? flow->workflow->concurrency->limit : workflow.concurrency->limit;
}

Result<Engine::Admission> Engine::AdmissionOf(const Run& run) const {
  if (run.lanes.empty()) return Admission::kNow;
  const app::ProgramPtr program = MESG_TRY(ProgramOf(run.application, run.version));
  const app::Workflow& workflow = *program->FindFlow(run.workflow)->workflow;
  if (workflow.concurrency) {
    const auto* lane = Runs().LaneOf(run.lanes.back());
    const std::size_t room = MESG_TRY(RoomFor(run.application, workflow));
    if (lane != nullptr && lane->running.size() >= room) return Admission::kNoRoom;
  }
  if (workflow.order) {
    const auto* lane = Runs().LaneOf(run.lanes.front());
    const bool first = lane == nullptr || (lane->running.empty() &&
                                           lane->waiting.begin()->first == run.created_number);
    if (!first) return Admission::kNotFirst;
  }
  return Admission::kNow;
}

// The first that may, and those behind it as long as there is room.
Result<void> Engine::StartQueued(const std::string& name, TimePoint now) {
  std::uint64_t seen = 0;
  while (true) {
    const auto* lane = Runs().LaneOf(name);
    if (lane == nullptr) return {};
    const auto next = lane->waiting.lower_bound(seen);
    if (next == lane->waiting.end()) return {};
    seen = next->first + 1;
    const RunPtr run = MESG_TRY(Runs().Find(next->second));
    MESG_CHECK(run != nullptr, "a queued run is not stored");
    if (run->lanes.size() > 1 && name == run->lanes.front()) {
      if (!lane->running.empty()) return {};
      Add(RunChanged{run});  // It is the first now, and waits for room beside all others.
      return StartQueued(run->lanes.back(), now);
    }
    const Admission admission = MESG_TRY(AdmissionOf(*run));
    if (admission == Admission::kNotFirst && run->lanes.size() > 1)
      continue;  // After one that was retried.
    if (admission != Admission::kNow) return {};
    auto stepper = MESG_TRY(Step(run, now));
    MESG_TRY(stepper.BeginLater());
    MESG_TRY(Settle(stepper, now));
  }
}

// ---- What others tell it ----

Result<void> Engine::Take(const StopRun& stop, TimePoint now) {
  const RunPtr run = MESG_TRY(Runs().Find(stop.id));
  // Only a person ends by a second cancel what the first one has it undo.
  if (run != nullptr && run->cancelled) return {};
  return MoveRun(stop.id, now, [&](RunStepper& stepper) { return stepper.Cancel(stop.reason); });
}

Result<void> Engine::Take(const RunEnded& ended, TimePoint now) {
  return MoveRun(ended.run, now, [&](RunStepper& stepper) { return stepper.OnRun(ended); });
}

Result<void> Engine::Take(const ExecutionEnded& ended, TimePoint now) {
  return MoveRun(ended.run, now, [&](RunStepper& stepper) { return stepper.OnExecution(ended); });
}

Result<void> Engine::Take(const EventArrived& arrived, TimePoint now) {
  return MoveRun(arrived.run, now,
                 std::function<Result<void>(RunStepper&)>(
                     [&](RunStepper& stepper) { return stepper.OnEvent(arrived); }));
}

// ---- What it asks of others ----

Result<Created> Engine::CreateForRun(CreateForStep& create, TimePoint now) {
  const auto instance = state_.ActiveInstance(create.service);
  if (instance == nullptr) {
    return FailedPrecondition("service \"{}\" is not deployed, so that nothing can perform {}",
                              create.service, create.task)
        .Because("SERVICE_NOT_FOUND");
  }
  if (create.inputs.size() > settings_.payload_bytes) {
    return InvalidArgument("the inputs of task {} have {} bytes, the limit is {}", create.task,
                           create.inputs.size(), settings_.payload_bytes)
        .Because("PAYLOAD_TOO_LARGE");
  }
  // What is filled in later is looked at then.
  const std::string* const inputs = create.deferred.empty() ? &create.inputs : nullptr;
  const TaskDefinition* const task = MESG_TRY(contracts_.Check(*instance, create.task, inputs));
  NewExecution wanted;
  wanted.id = create.id;
  wanted.source = instance->source;
  wanted.task = std::move(create.task);
  wanted.inputs = std::move(create.inputs);
  wanted.timeout = task->timeout.value_or(settings_.default_timeout);
  wanted.retry = create.retry ? *create.retry : task->retry.value_or(settings_.default_retry);
  wanted.effect = task->effect;
  wanted.run = create.run;
  wanted.visit = create.visit;
  wanted.deferred = std::move(create.deferred);
  return CreateOne(std::move(wanted), now);
}

Result<void> Engine::Take(CreateForStep&& create, TimePoint now) {
  const auto created = CreateForRun(create, now);
  if (created) return {};
  const Error& error = created.error();
  if (error.code == Code::kDataLoss) return error;
  Send(create.run.Slot(),
       ExecutionEnded{create.run, create.visit, create.id, nullptr, error.message,
                      error.reason.empty() ? std::string(Name(error.code)) : error.reason,
                      error.code == Code::kResourceExhausted});
  return {};
}

Result<void> Engine::Take(const CancelForStep& cancel, TimePoint now) {
  const auto cancelled = On(Cancel{cancel.id, cancel.reason}, now);
  // It has ended, or never was.
  if (!cancelled && cancelled.error().code == Code::kDataLoss) return cancelled.error();
  return {};
}

Result<void> Engine::Take(EmitOwn&& emit, TimePoint now) {
  const auto source =
      std::make_shared<const Source>(Source{emit.application, emit.version, emit.version});
  std::vector<NewEvent> events(1);
  events[0].key = std::move(emit.event);
  events[0].data = std::move(emit.data);
  std::vector<KeyMove> moves;
  auto plan = MESG_TRY(PlanEmit(source, events, moves, state_.Numbers().next_sequence));
  PerformEmit(std::move(plan), now);
  return {};
}

Result<void> Engine::Take(AwaitEvent&& await, TimePoint) {
  Waiter waiter = MESG_TRY(DecodeWaiter(await.waiter));
  // What one event means for all that wait for it is one commit.
  const std::size_t waiting = Runs().CountWaiters(await.service, await.key, waiter.digest);
  if (waiting >= settings_.max_waiters) {
    Send(await.run.Slot(),
         EventArrived{
             await.run, await.visit, waiter.attempt, "",
             fmt::format("{} steps wait for the event {} of {}{}, the limit", waiting, await.key,
                         await.service, waiter.path.empty() ? "" : " with the same value")});
    return {};
  }
  Add(WaiterPut{std::move(await.service), std::move(await.key), await.run, await.visit,
                std::move(await.waiter), std::move(waiter.path), waiter.digest});
  return {};
}

Result<void> Engine::Take(const StopAwaiting& stop, TimePoint) {
  if (Runs().Waits(stop.service, stop.key, {stop.run, stop.visit})) {
    Add(WaiterGone{stop.service, stop.key, stop.run, stop.visit});
  }
  return {};
}

// ---- What people ask ----

Result<Reply> Engine::On(StartWorkflow&& command, TimePoint now) {
  const ApplicationPtr current = Runs().CurrentApplication(command.application);
  if (current == nullptr || current->version != command.version ||
      current->state == Application::State::kDeleting) {
    return Aborted("application \"{}\" was deployed anew or deleted meanwhile; start it again",
                   command.application)
        .Because("APPLICATION_REPLACED");
  }
  if (Runs().OpenRuns() >= settings_.max_open_runs) {
    return ResourceExhausted("{} runs are under way, the limit; start it when some have ended",
                             Runs().OpenRuns())
        .Because("TOO_MANY_RUNS");
  }
  std::optional<IdRemembered> remember;
  if (!command.idempotency_key.empty()) {
    std::string key = keys::RememberedTrigger(command.application, command.workflow,
                                              "manual " + command.idempotency_key);
    const std::string fingerprint = Sha256(command.inputs);
    if (const auto remembered = MESG_TRY(state_.FindRemembered(key))) {
      const RunPtr first = MESG_TRY(Runs().Find(remembered->execution));
      if (remembered->fingerprint != fingerprint || first == nullptr) {
        return AlreadyExists(
                   "idempotency key \"{}\" belongs to run {}, which has other inputs or is "
                   "no longer kept; use a new key",
                   command.idempotency_key, remembered->execution.Text())
            .Because("IDEMPOTENCY_KEY_REUSED");
      }
      return Reply(first);
    }
    remember =
        IdRemembered{std::move(key), 0, command.id, fingerprint, now + settings_.dedup_window};
  }
  StartRun start;
  start.id = command.id;
  start.application = std::move(command.application);
  start.version = std::move(command.version);
  start.workflow = std::move(command.workflow);
  start.trigger.kind = RunTrigger::Kind::kManual;
  start.trigger.data = std::move(command.inputs);
  start.trigger.time = now;
  MESG_TRY(Take(std::move(start), now));
  const RunPtr run = MESG_TRY(Runs().Find(command.id));
  if (run == nullptr) {
    return FailedPrecondition(
               "the workflow did not start: there is no room, or it ran for this already")
        .Because("NOT_STARTED");
  }
  if (remember) Add(*std::move(remember));
  return Reply(run);
}

Result<Reply> Engine::On(CancelRun&& command, TimePoint now) {
  const RunPtr run = MESG_TRY(Runs().Find(command.id));
  if (run == nullptr) return NoSuchRun(command.id);
  auto stepper = MESG_TRY(Step(run, now));
  MESG_TRY(stepper.Cancel(command.reason));
  return Reply(MESG_TRY(Settle(stepper, now)));
}

Result<Reply> Engine::On(RetryRun&& command, TimePoint now) {
  const RunPtr run = MESG_TRY(Runs().Find(command.id));
  if (run == nullptr) return NoSuchRun(command.id);
  if (Runs().OpenRuns() >= settings_.max_open_runs) {
    return ResourceExhausted("{} runs are under way, the limit; retry it when some have ended",
                             Runs().OpenRuns())
        .Because("TOO_MANY_RUNS");
  }
  auto stepper = MESG_TRY(Step(run, now));
  if (command.dry_run) {
    MESG_TRY(stepper.MayGoOn(command.reset_to));
    return Reply(run);
  }
  MESG_TRY(command.reset_to ? stepper.Reset(*command.reset_to) : stepper.Retry());
  const RunPtr queued = stepper.Finish();
  if (MESG_TRY(AdmissionOf(*queued)) != Admission::kNow) return Reply(queued);
  auto begun = MESG_TRY(Step(queued, now));
  MESG_TRY(begun.Begin());
  return Reply(MESG_TRY(Settle(begun, now)));
}

Result<Reply> Engine::On(DecideStep&& command, TimePoint now) {
  const RunPtr run = MESG_TRY(Runs().Find(command.id));
  if (run == nullptr) return NoSuchRun(command.id);
  auto stepper = MESG_TRY(Step(run, now));
  MESG_TRY(stepper.Decide(command.step, command.approve, command.by, command.comment));
  return Reply(MESG_TRY(Settle(stepper, now)));
}

Result<Reply> Engine::On(StepEvaluated&& command, TimePoint now) {
  MESG_TRY(MoveRun(command.run, now, [&](RunStepper& stepper) {
    return stepper.OnEvaluated(command.visit, command.attempt, std::move(command.answers));
  }));
  return Reply();
}

// ---- Time ----

Result<Reply> Engine::On(Wake&&, TimePoint now) {
  constexpr std::size_t kRunsAtOnce = 256;
  if (!asked_again_) {
    // What the helper thought about when Core stopped.
    asked_again_ = true;
#ifdef MESG_CANARY_RUNS
    // Only in the program that proves that the simulation finds bugs: forgets to ask again.
    const std::set<RunId> evaluating;
#else
    const std::set<RunId> evaluating = Runs().Evaluating();
#endif
    for (const RunId& id : evaluating) {
      MESG_TRY(MoveRun(id, now, [](RunStepper& stepper) { return stepper.AskAgain(); }));
    }
  }
  // Its place in the table is stale until it has moved; so each is asked for once.
  for (const RunId& id : MESG_TRY(state_.DueRuns(now, kRunsAtOnce))) {
    if (IsFull()) break;
    MESG_TRY(MoveRun(id, now, [](RunStepper& stepper) { return stepper.Wake(); }));
  }
  MESG_TRY(TakeOwn(now));
  MESG_TRY(FireSchedules(now));
  MESG_TRY(TakeOwn(now));
  MESG_TRY(Pump(now));
  if (deletion_after_ && *deletion_after_ <= now) MESG_TRY(CancelRunsOfDeleted(now));
  return Reply();
}

std::optional<TimePoint> Engine::NextWake() const {
  std::optional<TimePoint> first = Runs().NextTimer();
  const auto consider = [&first](const std::optional<TimePoint>& time) {
    if (time && (!first || *time < *first)) first = time;
  };
  if (!triggers_indexed_ || (!asked_again_ && !Runs().Evaluating().empty())) {
    consider(TimePoint());
  }
  for (const auto& [key, due] : due_) consider(due.due);
  if (pump_) consider(pump_after_);
  consider(deletion_after_);
  return first;
}

}  // namespace mesg::engine
