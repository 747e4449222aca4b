#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"
#include "engine/engine.h"
#include "engine/keys.h"
#include "model/event.h"

namespace mesg::engine {

// A fact starts runs in its own commit, as long as a workflow keeps up. One that does not, since
// the helper thinks about its condition, since it is paused or there is no room for more runs, has
// a durable cursor instead: what is behind it in the history is looked at in order, and the cursor
// moves in the commit that starts the runs.

namespace {

// How much of a workflow that is behind is looked at together.
constexpr std::size_t kFactsAtOnce = 64;
// Facts of no interest a cursor may be behind without a commit of its own.
constexpr std::uint64_t kSlack = 4096;
// Times of a schedule that start runs in one turn.
constexpr std::size_t kFiresAtOnce = 64;

std::string IndexKey(bool result, std::string_view service, std::string_view key) {
  std::string index(result ? "r" : "e");
  return index.append(service).append(1, '\0').append(key);
}

bool NeedsHelper(const app::Flow& flow) {
  return std::ranges::any_of(flow.conditions, &app::Expression::NeedsHelper);
}

/// The conditions, as far as they can be evaluated here. None: the helper has to be asked about
/// `call`. `answer` is the helper's.
struct Verdict {
  std::optional<Result<bool>> verdict;
  std::optional<app::HelperCall> call;
};

Verdict Judge(const app::Program& program, const app::Flow& flow, const RunTrigger& trigger,
              const app::Value* answer) {
  std::optional<app::Value> data;
  for (const app::Expression& condition : flow.conditions) {
    if (!data) {
      auto read = app::Value::Read(trigger.data);
      if (!read) return {Result<bool>(read.error()), {}};
      data = *std::move(read);
    }
    auto scope = ScopeOfTrigger(program, trigger, *data, condition);
    Result<app::Value> value = app::Value();
    if (condition.NeedsHelper()) {
      if (answer == nullptr) return {{}, app::HelperCall{condition, *data, std::move(scope)}};
      value = *answer;
    } else {
      value = condition.Evaluate(*data, scope);
    }
    if (!value) return {Result<bool>(value.error()), {}};
    if (!value->Truthy()) return {Result<bool>(false), {}};
  }
  return {Result<bool>(true), {}};
}

}  // namespace

// ---- Who is interested ----

void Engine::IndexTriggers() {
  triggers_.clear();
  scheduled_.clear();
  for (const auto& [key, application] : Runs().Applications()) {
    if (application->state == Application::State::kDeleting && !deletion_after_) {
      deletion_after_ = TimePoint();  // It was under way when Core stopped.
    }
    if (application->state != Application::State::kActive &&
        application->state != Application::State::kPaused) {
      continue;
    }
    auto program = ProgramOf(application->name, application->version);
    MESG_CHECK(program, "application {} cannot be compiled: {}", application->name,
               program.error().message);
    const bool here =
        PartitionOf(SlotOfName(application->name), settings_.partitions) == settings_.partition;
    for (const app::Flow& flow : (*program)->Flows()) {
      const app::Trigger& on = flow.workflow->on;
      if (on.kind == app::Trigger::Kind::kSchedule) {
        if (here) scheduled_.push_back({application, *program, &flow});
      } else if (on.kind != app::Trigger::Kind::kManual) {
        const bool result = on.kind == app::Trigger::Kind::kResult;
        triggers_[IndexKey(result, (*program)->InstanceOf(on.reference.alias), on.reference.key)]
            .push_back({application, *program, &flow});
      }
    }
  }
  triggers_indexed_ = true;
  pump_ = true;
}

const std::vector<Engine::TriggerOf>* Engine::TriggersOf(bool result, const std::string& service,
                                                         const std::string& key) {
  if (!triggers_indexed_) IndexTriggers();
  if (triggers_.empty()) return nullptr;
  const auto found = triggers_.find(IndexKey(result, service, key));
  return found == triggers_.end() ? nullptr : &found->second;
}

bool Engine::Interests(bool result, const std::string& service, const std::string& key) {
  return TriggersOf(result, service, key) != nullptr ||
         (!result && Runs().HasWaiters(service, key));
}

Result<void> Engine::React(Happened&& happened, TimePoint now) {
  if (!happened.result) MESG_TRY(TellWaiters(happened, now));
  const auto* triggers = TriggersOf(happened.result, happened.service, happened.trigger.key);
  if (triggers == nullptr) return {};
  for (const TriggerOf& of : *triggers) MESG_TRY(Trigger(of, happened, now));
  return {};
}

Result<void> Engine::Trigger(const TriggerOf& of, const Happened& happened, TimePoint now) {
  const RunTable::WorkflowKey key(of.application->name, of.flow->workflow->key);
  if (Runs().Cursors().contains(key)) {
    pump_ = true;  // It is behind, and comes to this one in its turn.
    return {};
  }
  // A commit takes so many runs and no more, however many facts it holds.
  const bool full = Runs().OpenRuns() >= settings_.max_open_runs || IsFull();
  if (NeedsHelper(*of.flow) || full) {
    Add(CursorMoved{key.first, key.second, happened.sequence, ""});
    pump_ = true;
    return {};
  }
  const Verdict judged = Judge(*of.program, *of.flow, happened.trigger, nullptr);
  if (!*judged.verdict) return StartFrom(of, happened, judged.verdict->error().message, now);
  return **judged.verdict ? StartFrom(of, happened, "", now) : Result<void>();
}

Result<void> Engine::StartFrom(const TriggerOf& of, const Happened& happened,
                               const std::string& error, TimePoint now) {
  const app::Workflow& workflow = *of.flow->workflow;
  if (!happened.result ? false : !workflow.on.output.empty()) {
    const ExecutionPtr execution = MESG_TRY(state_.Find(happened.trigger.execution));
    if (execution == nullptr || !execution->outcome ||
        execution->outcome->output_key != workflow.on.output) {
      return {};
    }
  }
  // The same for the same fact, whenever it is looked at.
  const std::string seed = fmt::format("trigger {} {} {} {}", of.application->name, workflow.key,
                                       settings_.partition, happened.sequence);
  const std::uint16_t slot = SlotOfRun(of.application->name, workflow, seed);
  StartRun start;
  start.id = DerivedId(slot, now, seed);
  start.application = of.application->name;
  start.version = of.application->version;
  start.deployed = of.application->deployed;
  start.workflow = workflow.key;
  start.trigger = happened.trigger;
  if (!error.empty()) start.trigger.error = "the condition of the workflow failed: " + error;
  Send(slot, std::move(start));
  return {};
}

// ---- Who waits ----

Result<Engine::Fits> Engine::JudgeFor(const Waiter& waiter, const app::Value& data) {
  const app::ProgramPtr program = MESG_TRY(ProgramOf(waiter.application, waiter.version));
  const app::Flow* const flow = program->FindFlow(waiter.workflow);
  const auto& step = std::get<app::AwaitStep>(flow->nodes[waiter.node].step->action);
  if (!step.condition) return Fits::kYes;
  const app::Expression& condition = step.condition->expression;
  if (condition.NeedsHelper()) return Fits::kUnjudged;
  const app::Value known = MESG_TRY(app::Value::Read(waiter.scope));
  std::vector<app::Value> scope(std::size(app::kVariables));
  for (const std::uint32_t used : condition.Used()) {
    const app::Value* const value = known.object().Find(app::kVariables[used]);
    if (value != nullptr) scope[used] = *value;
  }
  return MESG_TRY(condition.Evaluate(data, scope)).Truthy() ? Fits::kYes : Fits::kNo;
}

Result<void> Engine::TellWaiters(const Happened& happened, TimePoint) {
  if (!Runs().HasWaiters(happened.service, happened.trigger.key)) return {};
  const app::Value data = MESG_TRY(app::Value::Read(happened.trigger.data));
  const auto waiters = Runs().WaitersFor(happened.service, happened.trigger.key, data);
  // Each keeps the data as its value, all in this commit.
  constexpr std::size_t kFixed = 512;
  const std::size_t room = 2 * settings_.slice_bytes;
  std::size_t taken = 0;
  for (const auto& [run, visit] : waiters) {
    const auto stored =
        MESG_TRY(Runs().FindWaiter(happened.service, happened.trigger.key, run, visit));
    if (!stored) continue;
    const Waiter waiter = MESG_TRY(DecodeWaiter(*stored));
    EventArrived arrived{run, visit, waiter.attempt, happened.trigger.data, ""};
    const auto verdict = JudgeFor(waiter, data);
    if (!verdict && verdict.error().code == Code::kDataLoss) return verdict.error();
    if (!verdict) {
      arrived.error = verdict.error().message;
      arrived.data.clear();
    } else if (*verdict == Fits::kNo) {
      continue;
    } else {
      arrived.unjudged = *verdict == Fits::kUnjudged;
    }
    const std::size_t weight = kFixed + (arrived.unjudged ? 2 : 1) * arrived.data.size();
    taken += weight;
    if (taken > room && taken > weight && arrived.error.empty()) {
      arrived.error = fmt::format(
          "more steps waited for the event {} of {}, with {} bytes of data, than one commit takes; "
          "retry the run to wait for the next one",
          happened.trigger.key, happened.service, arrived.data.size());
      arrived.data.clear();
      arrived.unjudged = false;
    }
    if (arrived.unjudged) {
      Send(run.Slot(), std::move(arrived));
      continue;
    }
    Add(WaiterGone{happened.service, happened.trigger.key, run, visit});
    Send(run.Slot(), std::move(arrived));
  }
  return {};
}

// ---- Workflows that are behind ----

Result<void> Engine::Pump(TimePoint now) {
  if (!triggers_indexed_) IndexTriggers();
  if (!pump_ || pump_after_ > now) return {};
  pump_ = false;
  std::vector<TriggerOf> behind;
  for (const auto& [key, triggers] : triggers_) {
    for (const TriggerOf& of : triggers) {
      if (of.application->state != Application::State::kActive) continue;
      const auto cursor = Runs().Cursors().find({of.application->name, of.flow->workflow->key});
      if (cursor != Runs().Cursors().end() && cursor->second.problem.empty()) behind.push_back(of);
    }
  }
  // The table has no order of its own, and decisions must not depend on its.
  std::ranges::sort(behind, {}, [](const TriggerOf& of) {
    return std::pair(of.application->name, of.flow->workflow->key);
  });
  for (const TriggerOf& of : behind) MESG_TRY(PumpOne(of, now));
  return {};
}

Result<void> Engine::PumpOne(const TriggerOf& of, TimePoint now) {
  const RunTable::WorkflowKey key(of.application->name, of.flow->workflow->key);
  const std::uint64_t next = Runs().Cursors().at(key).next;
  const auto [entry, is_new] = pumped_.try_emplace(key);
  Pumped& pumped = entry->second;
  if (is_new) pumped.scanned = std::max(next, state_.Numbers().oldest_sequence);
  if (pumped.facts.size() < kFactsAtOnce) {
    MESG_TRY(Scan(of, kFactsAtOnce - pumped.facts.size(), now));
  }
  for (Pumped::Fact& fact : pumped.facts) {
    if (fact.verdict || fact.asked) continue;
    Verdict judged = Judge(*of.program, *of.flow, fact.happened.trigger, nullptr);
    if (judged.call) {
      fact.asked = true;
      Tell(EvaluateTrigger{key.first, of.application->version, key.second, fact.happened.sequence,
                           *std::move(judged.call)});
    } else {
      const Result<bool>& verdict = *judged.verdict;
      fact.verdict = verdict ? Result<app::Value>(app::Value::Boolean(*verdict))
                             : Result<app::Value>(verdict.error());
    }
  }
  // In order, as far as it is known.
  std::uint64_t moved = next;
  while (!pumped.facts.empty() && pumped.facts.front().verdict) {
    if (Runs().OpenRuns() >= settings_.max_open_runs) {
      constexpr Duration kLater = std::chrono::seconds(1);
      pump_after_ = now + kLater;
      pump_ = true;
      break;
    }
    if (state_.PendingBytes() >= settings_.slice_bytes) {
      pump_ = true;
      break;
    }
    const Pumped::Fact fact = std::move(pumped.facts.front());
    pumped.facts.pop_front();
    moved = fact.happened.sequence + 1;
    if (!*fact.verdict) {
      MESG_TRY(StartFrom(of, fact.happened, fact.verdict->error().message, now));
    } else if ((*fact.verdict)->Truthy()) {
      MESG_TRY(StartFrom(of, fact.happened, "", now));
    }
    MESG_TRY(TakeOwn(now));
  }
  const bool all_seen = pumped.scanned >= state_.Numbers().next_sequence;
  if (pumped.facts.empty()) moved = std::max(moved, pumped.scanned);
  if (pumped.facts.empty() && all_seen && !NeedsHelper(*of.flow)) {
    Add(CursorMoved{key.first, key.second, std::nullopt, ""});
    pumped_.erase(key);
    return {};
  }
  if (!all_seen && pumped.facts.size() < kFactsAtOnce) pump_ = true;
  const bool worth_it = moved != next && (state_.HasChanges() || moved - next >= kSlack);
  if (worth_it) Add(CursorMoved{key.first, key.second, moved, ""});
  return {};
}

// Adds the next facts of interest, at most `room`.
Result<void> Engine::Scan(const TriggerOf& of, std::size_t room, TimePoint now) {
  const app::Trigger& on = of.flow->workflow->on;
  const bool result = on.kind == app::Trigger::Kind::kResult;
  const std::string& service = of.program->InstanceOf(on.reference.alias);
  Pumped& pumped = pumped_.at({of.application->name, of.flow->workflow->key});
  const auto take = [&](const HistoryEntry& entry) -> Result<void> {
    if (entry.IsResult() != result || entry.source->name != service ||
        entry.key != on.reference.key) {
      return {};
    }
    Happened happened{entry.sequence, result, service, {}};
    happened.trigger.kind = result ? RunTrigger::Kind::kResult : RunTrigger::Kind::kEvent;
    happened.trigger.service = service;
    happened.trigger.key = entry.key;
    happened.trigger.id = entry.id;
    // What this commit brings has its time when the commit is taken.
    happened.trigger.time = entry.time == TimePoint() ? now : entry.time;
    happened.trigger.data = entry.data;
    if (result) {
      const ExecutionPtr execution = MESG_TRY(state_.Find(entry.execution));
      if (execution == nullptr || execution->state != ExecutionState::kCompleted) return {};
      happened.trigger.data = execution->outcome->outputs;
      happened.trigger.time = execution->outcome->recorded;
      happened.trigger.execution = entry.execution;
    }
    pumped.facts.push_back({std::move(happened), {}, false});
    --room;
    return {};
  };

  const std::uint64_t fresh = state_.FirstFresh();
  if (pumped.scanned < fresh) {
    const std::string prefix = keys::PostingsPrefix(service, result, on.reference.key);
    const auto cursor = state_.Storage().Read(prefix, keys::After(prefix));
    // The block it is in may begin before it.
    cursor->SeekForPrev(keys::Postings(service, result, on.reference.key, pumped.scanned));
    if (!cursor->Valid()) cursor->Seek(prefix);
    for (; cursor->Valid() && room > 0; cursor->Next()) {
      const std::uint64_t first = keys::NumberOf(
          std::string_view(cursor->Key()).substr(cursor->Key().size() - sizeof(first) - 1));
      const auto stored = MESG_TRY(state_.Storage().Get(keys::History(first)));
      if (!stored) continue;  // Trimmed in between.
      const HistoryBlock block = MESG_TRY(DecodeHistoryBlock(*stored));
      for (const HistoryEntry& entry : block.entries) {
        if (entry.sequence < pumped.scanned || entry.sequence >= fresh) continue;
        if (room == 0) break;
        pumped.scanned = entry.sequence + 1;
        MESG_TRY(take(entry));
      }
    }
    MESG_TRY(cursor->Status());
    if (room == 0) return {};
    pumped.scanned = std::max(pumped.scanned, fresh);
  }
  Result<void> taken;
  state_.ForEachFresh([&](const HistoryEntry& entry) {
    if (!taken || room == 0 || entry.sequence < pumped.scanned) return;
    pumped.scanned = entry.sequence + 1;
    taken = take(entry);
  });
  MESG_TRY(std::move(taken));
  if (room > 0) pumped.scanned = state_.Numbers().next_sequence;
  return {};
}

Result<Reply> Engine::On(TriggerEvaluated&& command, TimePoint now) {
  const auto pumped = pumped_.find({command.application, command.workflow});
  const ApplicationPtr current = Runs().CurrentApplication(command.application);
  // A newer version judges for itself.
  if (pumped == pumped_.end() || current == nullptr || current->version != command.version) {
    return Reply();
  }
  for (Pumped::Fact& fact : pumped->second.facts) {
    if (fact.happened.sequence != command.sequence || fact.verdict) continue;
    if (!command.verdict && command.verdict.error().code == Code::kUnavailable) {
      // The helper is not there, or has too much to do: it is asked again.
      constexpr Duration kLater = std::chrono::seconds(1);
      fact.asked = false;
      pump_ = true;
      pump_after_ = now + kLater;
      return Reply();
    }
    const app::ProgramPtr program = MESG_TRY(ProgramOf(command.application, command.version));
    const app::Flow* const flow = program->FindFlow(command.workflow);
    if (!command.verdict) {
      fact.verdict = std::move(command.verdict);
      break;
    }
    const Verdict judged = Judge(*program, *flow, fact.happened.trigger, &*command.verdict);
    const Result<bool>& verdict = *judged.verdict;
    fact.verdict = verdict ? Result<app::Value>(app::Value::Boolean(*verdict))
                           : Result<app::Value>(verdict.error());
    break;
  }
  pump_ = true;
  return Reply();
}

// ---- Schedules ----

Duration Engine::JitterOf(const TriggerOf& of, TimePoint time) const {
  const Duration jitter = of.flow->workflow->on.jitter;
  if (jitter <= Duration::zero()) return Duration::zero();
  const std::string hash = Sha256(
      fmt::format("jitter {} {} {}", of.application->name, of.flow->workflow->key, ToMicros(time)));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i) {
    number = number << 8 | static_cast<unsigned char>(hash[i]);
  }
  return Duration(static_cast<std::int64_t>(number % static_cast<std::uint64_t>(jitter.count())));
}

Result<void> Engine::FireSchedules(TimePoint now) {
  if (!triggers_indexed_) IndexTriggers();
  for (const TriggerOf& of : scheduled_) {
    if (of.application->state != Application::State::kActive) continue;
    const RunTable::WorkflowKey key(of.application->name, of.flow->workflow->key);
    const auto last = Runs().Schedules().find(key);
    if (last == Runs().Schedules().end()) continue;
    auto due = due_.find(key);
    if (due == due_.end()) {
      const auto next = of.flow->schedule->Next(last->second);
      if (!next) continue;
      due = due_.emplace(key, Due{*next, *next + JitterOf(of, *next)}).first;
    }
    if (due->second.due <= now) MESG_TRY(FireSchedule(of, now));
  }
  return {};
}

// All times up to now: one when Core was there, more when it was not.
Result<void> Engine::FireSchedule(const TriggerOf& of, TimePoint now) {
  // So late, a time still counts as kept.
  constexpr Duration kGrace = std::chrono::seconds(30);
  const RunTable::WorkflowKey key(of.application->name, of.flow->workflow->key);
  const app::Trigger& on = of.flow->workflow->on;
  TimePoint last = Runs().Schedules().at(key);
  std::vector<TimePoint> times;
  std::optional<TimePoint> next = due_.at(key).time;
  while (next && *next + JitterOf(of, *next) <= now) {
    last = *next;
    if (on.missed == app::Trigger::Missed::kAll) {
      times.push_back(last);
      if (times.size() >= kFiresAtOnce) break;
    } else {
      times.assign(1, last);
      // Of all that were missed only the last one counts: it is looked for from near now.
      constexpr Duration kFar = std::chrono::hours(24 * 366);
      if (now - last > kFar) last = now - kFar;
    }
    next = of.flow->schedule->Next(last);
  }
  const bool late = !times.empty() && now - (times.back() + JitterOf(of, times.back())) > kGrace;
  if (on.missed == app::Trigger::Missed::kSkip && late) times.clear();
  Add(ScheduleMoved{key.first, key.second, last});
  due_.erase(key);
  if (const auto then = of.flow->schedule->Next(last)) {
    due_.emplace(key, Due{*then, *then + JitterOf(of, *then)});
  }
  for (const TimePoint time : times) {
    const std::string seed =
        fmt::format("schedule {} {} {}", key.first, key.second, ToMicros(time));
    const std::uint16_t slot = SlotOfRun(key.first, *of.flow->workflow, seed);
    StartRun start;
    start.id = DerivedId(slot, now, seed);
    start.application = key.first;
    start.version = of.application->version;
    start.deployed = of.application->deployed;
    start.workflow = key.second;
    start.trigger.kind = RunTrigger::Kind::kSchedule;
    start.trigger.key = on.schedule;
    start.trigger.time = time;
    start.trigger.data = fmt::format(R"({{"time":"{}"}})", FormatTime(time));
    const Verdict judged = Judge(*of.program, *of.flow, start.trigger, nullptr);
    if (judged.call) {
      start.trigger.error = "the condition of a schedule has to be one that Core evaluates itself";
    } else if (!*judged.verdict) {
      start.trigger.error =
          "the condition of the workflow failed: " + judged.verdict->error().message;
    } else if (!**judged.verdict) {
      continue;
    }
    Send(slot, std::move(start));
  }
  return {};
}

std::optional<TimePoint> Engine::NextSchedule(const std::string& application,
                                              const std::string& workflow) const {
  const auto found = due_.find({application, workflow});
  if (found == due_.end()) return std::nullopt;
  return found->second.due;
}

}  // namespace mesg::engine
