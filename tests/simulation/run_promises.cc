#include "tests/simulation/run_promises.h"

#include <algorithm>

#include "engine/keys.h"

namespace mesg::simulation {
namespace {

using engine::RunState;
using engine::StepState;
using On = WorkflowPlan::On;
using ApplicationState = engine::Application::State;

bool IsRunning(const engine::Run& run) {
  return run.state == RunState::kRunning || run.state == RunState::kCompensating;
}

}  // namespace

RunPromises::RunPromises(Run& run, const std::vector<ApplicationPlan>& plans)
    : run_(run), plans_(plans) {}

const WorkflowPlan* RunPromises::PlanOf(const std::string& application,
                                        const std::string& workflow) const {
  for (const ApplicationPlan& plan : plans_) {
    if (plan.name != application) continue;
    for (const WorkflowPlan& each : plan.workflows) {
      if (each.key == workflow) return &each;
    }
  }
  return nullptr;
}

const app::Flow* RunPromises::FlowOf(const engine::Run& run) const {
  const auto program = programs_.find(run.version);
  return program == programs_.end() ? nullptr : program->second->FindFlow(run.workflow);
}

std::optional<engine::RunId> RunPromises::Some(
    const std::function<bool(const engine::Run&)>& wanted) const {
  std::vector<engine::RunId> some;
  for (const auto& [id, story] : stories_) {
    if (story.now != nullptr && wanted(*story.now)) some.push_back(id);
  }
  if (some.empty()) return std::nullopt;
  return run_.random.Of(some);
}

std::optional<std::pair<engine::RunId, std::uint32_t>> RunPromises::SomeApproving() const {
  std::vector<std::pair<engine::RunId, std::uint32_t>> some;
  for (const auto& [id, story] : stories_) {
    if (story.now == nullptr) continue;
    for (const engine::Visit& visit : story.now->active) {
      if (visit.state == engine::VisitState::kApproving) some.emplace_back(id, visit.number);
    }
  }
  if (some.empty()) return std::nullopt;
  return run_.random.Of(some);
}

// ---- Facts ----

void RunPromises::Fact(std::size_t partition, const engine::Record& record, TimePoint time) {
  if (const auto* put = std::get_if<engine::ApplicationPut>(&record)) {
    Seen(*put, partition);
  } else if (const auto* changed = std::get_if<engine::RunChanged>(&record)) {
    Seen(*changed, time);
  } else if (const auto* ended = std::get_if<engine::StepEnded>(&record)) {
    Seen(*ended);
  } else if (const auto* events = std::get_if<engine::EventsEmitted>(&record)) {
    for (const HistoryEntry& entry : events->entries) {
      if (entry.IsResult()) continue;
      for (const ApplicationPlan& plan : plans_) {
        if (entry.source->name == plan.name) ++emitted_[plan.name];
      }
      Happened(partition, false, entry.source->name, entry.key, entry.data, entry.sequence);
    }
  } else if (const auto* created = std::get_if<engine::ExecutionCreated>(&record)) {
    const Execution& execution = *created->execution;
    performed_[execution.id] = {execution.run,  execution.visit,          execution.source->name,
                                execution.task, ExecutionState::kCreated, ""};
    if (execution.run.empty()) return;
    const auto [known, is_new] =
        of_step_.try_emplace({execution.run, execution.visit}, execution.id);
    if (!is_new) {
      run_.Violated("step {} of run {} has executions {} and {}", execution.visit,
                    execution.run.Text(), known->second.Text(), execution.id.Text());
    }
  } else if (const auto* finished = std::get_if<engine::ExecutionFinished>(&record)) {
    Performed& performed = performed_[finished->id];
    performed.state = finished->state;
    performed.outputs = finished->outcome.outputs;
    if (finished->state != ExecutionState::kCompleted) return;
    Happened(partition, true, performed.service, performed.task, performed.outputs,
             finished->sequence);
  } else if (const auto* cursor = std::get_if<engine::CursorMoved>(&record)) {
    if (cursor->next) run_.faults.Add(Fault::kTriggerBehind);
  }
}

void RunPromises::Seen(const engine::ApplicationPut& put, std::size_t partition) {
  const engine::Application& application = *put.application;
  if (!programs_.contains(application.version)) {
    const auto program =
        app::Program::Compile({application.file_name, application.text, application.inputs,
                               application.env, application.services});
    MESG_CHECK(program);
    programs_[application.version] = *program;
  }
  const auto key = std::pair(partition, application.name);
  if (application.state == ApplicationState::kReplaced) {
    if (versions_[key] != application.version) return;
    states_.erase(key);  // Nothing took its place: it was deleted.
    Excuse(application.name, partition);
    return;
  }
  states_[key] = application.state;
  versions_[key] = application.version;
  if (application.state == ApplicationState::kStopped ||
      application.state == ApplicationState::kDeleting) {
    Excuse(application.name, partition);
  }
}

// What it has not come to it may let go.
void RunPromises::Excuse(const std::string& application, std::size_t partition) {
  for (auto& [key, expected] : expected_) {
    if (std::get<0>(key) != application) continue;
    const auto here = expected.by_partition.find(partition);
    if (here == expected.by_partition.end()) continue;
    expected.must -= here->second;
    expected.by_partition.erase(here);
  }
}

void RunPromises::Happened(std::size_t partition, bool result, const std::string& service,
                           const std::string& key, const std::string& data,
                           std::uint64_t sequence) {
  for (const ApplicationPlan& plan : plans_) {
    const auto state = states_.find({partition, plan.name});
    if (state == states_.end() || (state->second != ApplicationState::kActive &&
                                   state->second != ApplicationState::kPaused)) {
      continue;
    }
    for (const WorkflowPlan& workflow : plan.workflows) {
      const bool fits = result ? workflow.on == On::kResult
                               : workflow.on == On::kEvent || workflow.on == On::kOwnEvent;
      if (!fits || workflow.service != service || workflow.fact != key) continue;
      if (!workflow.Wants(NumberIn(data))) continue;
      Expected& expected = expected_[{plan.name, workflow.key, data}];
      ++expected.must;
      ++expected.may;
      ++expected.by_partition[partition];
      expected.sequence = sequence;
    }
  }
}

void RunPromises::Seen(const engine::StepEnded& ended) {
  Story& story = stories_[ended.run];
  if ((ended.step.number & engine::kItemsOf) != 0) return;  // The items of a list.
  if (ended.step.number == 0) {
    story.data = ended.step.output;
    return;
  }
  story.steps.push_back(ended.step);
  if (ended.step.state == StepState::kCaught) run_.faults.Add(Fault::kStepCaught);
  if (++story.counts[ended.step.number] > 1 && !asked_to_go_on_.contains(ended.run)) {
    run_.Violated("step {} of run {} was recorded twice", ended.step.number, ended.run.Text());
  }
}

void RunPromises::Seen(const engine::RunChanged& changed, TimePoint time) {
  const engine::Run& run = *changed.run;
  Story& story = stories_[run.id];
  const engine::RunPtr before = std::exchange(story.now, changed.run);
  if (run_.trace) {
    run_.Say("run {} of {} {} is {}{}", run.id.Text(), run.application, run.workflow,
             Name(run.state), run.error ? ": " + run.error->message : "");
  }
  if (before == nullptr) {
    Began(story, time);
  } else if (IsEnded(before->state)) {
    story.went_on = true;
    if (!asked_to_go_on_.contains(run.id)) {
      run_.Violated("run {} was {} and then {}", run.id.Text(), Name(before->state),
                    Name(run.state));
    }
  }
  TakeTurn(run, story);
}

void RunPromises::Began(const Story& story, TimePoint time) {
  const engine::Run& run = *story.now;
  const WorkflowPlan* const plan = PlanOf(run.application, run.workflow);
  if (plan == nullptr) return run_.Violated("run {} is of no workflow", run.id.Text());
  using Kind = engine::RunTrigger::Kind;
  if (run.trigger.kind == Kind::kEvent || run.trigger.kind == Kind::kResult) {
    Expected& expected = expected_[{run.application, run.workflow, story.data}];
    if (++expected.runs > expected.may) {
      run_.Violated("{} {} ran {} times for {}, which happened {} times", run.application,
                    run.workflow, expected.runs, story.data, expected.may);
    }
  }
  if (!run.parent.empty()) {
    const auto [known, is_new] = children_.try_emplace({run.parent, run.parent_visit}, run.id);
    if (!is_new) {
      run_.Violated("step {} of run {} ran {} and {}", run.parent_visit, run.parent.Text(),
                    known->second.Text(), run.id.Text());
    }
  }
  // A run that fails at once because of its trigger has no key.
  const bool judged = !(run.state == RunState::kFailed && run.next_visit == 1);
  if (plan->dedupe > 0 && judged) {
    const TurnKey key(run.application, run.workflow, NumberIn(story.data) % plan->dedupe);
    const auto [last, is_new] = deduped_.try_emplace(key, run.created);
    if (!is_new && run.created - last->second < kDedupeWindow) {
      run_.Violated("{} {} ran twice for {} within its window", run.application, run.workflow,
                    std::get<2>(key));
    }
    last->second = run.created;
  }
  static_cast<void>(time);
}

void RunPromises::TakeTurn(const engine::Run& run, const Story& story) {
  const WorkflowPlan* const plan = PlanOf(run.application, run.workflow);
  if (plan == nullptr) return;
  const std::uint64_t number = NumberIn(story.data);
  // One that was reset and is cancelled while it waits is undone without a turn.
  const bool counts = run.state == RunState::kRunning || (IsRunning(run) && !story.went_on);
  if (plan->limit > 0) {
    const TurnKey key(run.application, run.workflow,
                      plan->limit_key == 0 ? 0 : number % plan->limit_key);
    std::set<engine::RunId>& running = running_[key];
    if (!IsRunning(run)) running.erase(run.id);
    if (counts && running.insert(run.id).second && running.size() > plan->limit) {
      run_.Violated("{} runs of {} {} at once, the limit is {}", running.size(), run.application,
                    run.workflow, plan->limit);
    }
  }
  if (plan->order == 0) return;
  const TurnKey key(run.application, run.workflow, number % plan->order);
  std::set<engine::RunId>& running = ordered_[key];
  if (!IsRunning(run)) running.erase(run.id);
  if (!counts || !running.insert(run.id).second) return;
  if (running.size() > 1) {
    run_.Violated("{} runs of {} {} for {} at once, they go one after the other", running.size(),
                  run.application, run.workflow, std::get<2>(key));
  }
  std::uint64_t& last = last_ordered_[key];
  if (run.created_number < last && !story.went_on)
    run_.Violated("run {} goes before one that came before it", run.id.Text());
  last = std::max(last, run.created_number);
}

// ---- At the end ----

bool RunPromises::AllEnded() const {
  return std::ranges::all_of(stories_, [](const auto& entry) {
    return entry.second.now == nullptr || IsEnded(entry.second.now->state);
  });
}

void RunPromises::ReportStuck(const Node& node) {
  for (const auto& [id, story] : stories_) {
    if (story.now == nullptr || IsEnded(story.now->state)) continue;
    std::string waits;
    for (const engine::Visit& visit : story.now->active) {
      waits += fmt::format(" {}:{}{}", visit.number, static_cast<int>(visit.state),
                           visit.pending.empty() ? "" : " " + visit.pending.Text());
    }
    run_.Violated("run {} of {} {} never ends: it is {}, its steps are{}", id.Text(),
                  story.now->application, story.now->workflow, Name(story.now->state), waits);
  }
  for (std::size_t i = 0; i < node.Partitions(); ++i) {
    for (const auto& [to, body] : node.At(i).GetEngine().Current().Outgoing())
      run_.Violated("message {} from partition {} to {} never arrives", to.second, i, to.first);
  }
}

void RunPromises::CheckAll(const Node& node) {
  ReportStuck(node);
  for (const engine::RunId& id : acknowledged_) {
    if (!stories_.contains(id)) run_.Violated("run {} was acknowledged and is lost", id.Text());
  }
  for (const auto& [id, story] : stories_) {
    if (story.now == nullptr) {
      run_.Violated("run {} has steps and is not there", id.Text());
      continue;
    }
    CheckSteps(id, story);
    CheckUndone(id, story);
  }
  CheckTriggers();
  CheckOrder();
  for (std::size_t i = 0; i < node.Partitions(); ++i) {
    CheckRest(node, i);
    CheckCounts(node, i);
  }
}

void RunPromises::CheckTriggers() {
  std::map<TurnKey, std::pair<std::uint64_t, std::uint64_t>> deduped;  // Wanted, run.
  for (const auto& [key, expected] : expected_) {
    const auto& [application, workflow, data] = key;
    const WorkflowPlan& plan = *PlanOf(application, workflow);
    if (plan.when_full == "drop") continue;
    if (plan.dedupe > 0) {
      // What the helper cannot tell is a run without a key.
      if (plan.helper && NumberIn(data) % 3 == 2) continue;
      auto& [must, runs] = deduped[{application, workflow, NumberIn(data) % plan.dedupe}];
      must += expected.must;
      runs += expected.runs;
      continue;
    }
    if (expected.runs < expected.must) {
      run_.Violated("{} {} ran {} times for {}, which happened {} times", application, workflow,
                    expected.runs, data, expected.must);
    }
  }
  for (const auto& [key, counts] : deduped) {
    if (counts.first > 0 && counts.second == 0) {
      run_.Violated("{} {} never ran for {}", std::get<0>(key), std::get<1>(key), std::get<2>(key));
    }
  }
  // Own events are emitted by steps, once each.
  std::map<std::string, std::uint64_t> wanted;
  for (const auto& [id, story] : stories_) {
    const app::Flow* const flow = story.now == nullptr ? nullptr : FlowOf(*story.now);
    if (flow == nullptr) continue;
    for (const engine::StepRecord& step : story.steps) {
      const app::Step* const made = flow->nodes[step.node].step;
      if (made != nullptr && std::holds_alternative<app::EmitStep>(made->action) &&
          step.state == StepState::kCompleted && step.purpose == engine::Purpose::kNormal) {
        ++wanted[story.now->application];
      }
    }
  }
  for (const ApplicationPlan& plan : plans_) {
    if (wanted[plan.name] != emitted_[plan.name]) {
      run_.Violated("steps of {} emitted {} events, {} are in the history", plan.name,
                    wanted[plan.name], emitted_[plan.name]);
    }
  }
}

void RunPromises::CheckSteps(const engine::RunId& id, const Story& story) {
  const engine::Run& run = *story.now;
  const app::Flow* const flow = FlowOf(run);
  if (flow == nullptr) return run_.Violated("run {} is of no program", id.Text());
  for (std::uint32_t number = 1; number < run.next_visit; ++number) {
    if (!story.counts.contains(number))
      run_.Violated("step {} of run {} has no end", number, id.Text());
  }
  for (const engine::StepRecord& step : story.steps) {
    const app::Step* const made = flow->nodes[step.node].step;
    if (made == nullptr || !std::holds_alternative<app::TaskStep>(made->action)) continue;
    if (step.state != StepState::kCompleted || step.pending.empty()) continue;
    const auto performed = performed_.find(step.pending);
    const bool fits = performed != performed_.end() && performed->second.run == id &&
                      performed->second.visit == step.number &&
                      performed->second.state == ExecutionState::kCompleted &&
                      performed->second.outputs == step.output;
    if (!fits) {
      run_.Violated("step {} of run {} has the value {}, its execution {} says otherwise",
                    step.number, id.Text(), step.output, step.pending.Text());
    }
  }
}

// What was completed and can be undone was undone, the last one first, if and only if the run did
// not come to its end well.
void RunPromises::CheckUndone(const engine::RunId& id, const Story& story) {
  const engine::Run& run = *story.now;
  const app::Flow* const flow = FlowOf(run);
  if (flow == nullptr || story.went_on || !IsEnded(run.state)) return;
  std::vector<std::uint32_t> to_undo;
  std::map<std::uint32_t, std::uint32_t> undone;  // Node by number of the step.
  for (const engine::StepRecord& step : story.steps) {
    const bool can = flow->nodes[step.node].First(app::Node::kCompensate).has_value();
    if (step.purpose == engine::Purpose::kNormal && step.state == StepState::kCompleted && can)
      to_undo.push_back(step.node);
    if (step.purpose == engine::Purpose::kCompensate && step.parent == 0)
      undone[step.number] = step.node;
  }
  std::reverse(to_undo.begin(), to_undo.end());
  std::vector<std::uint32_t> order;
  for (const auto& [number, node] : undone) order.push_back(node);
  if (!order.empty()) run_.faults.Add(Fault::kRunUndone);
  if (run.state == RunState::kCompleted) to_undo.clear();
  if (order == to_undo) return;
  // Who cancels a second time ends that too.
  if (cancelled_again_.contains(id) && order.size() <= to_undo.size() &&
      std::equal(order.begin(), order.end(), to_undo.begin())) {
    return;
  }
  run_.Violated("run {} of {} {} is {}: {} steps were to be undone, {} were ({} / {})", id.Text(),
                run.application, run.workflow, Name(run.state), to_undo.size(), order.size(),
                fmt::join(to_undo, " "), fmt::join(order, " "));
}

// Where runs take turns, they come in the order of what started them.
void RunPromises::CheckOrder() {
  std::map<TurnKey, std::map<std::uint64_t, std::pair<std::uint64_t, engine::RunId>>> lanes;
  for (const auto& [id, story] : stories_) {
    if (story.now == nullptr) continue;
    const engine::Run& run = *story.now;
    const WorkflowPlan* const plan = PlanOf(run.application, run.workflow);
    if (plan == nullptr || plan->order == 0) continue;
    if (plan->on != On::kEvent && plan->on != On::kOwnEvent && plan->on != On::kResult) continue;
    if (run.trigger.kind == engine::RunTrigger::Kind::kRun) continue;
    const auto expected = expected_.find({run.application, run.workflow, story.data});
    if (expected == expected_.end() || expected->second.may != 1) continue;
    lanes[{run.application, run.workflow, NumberIn(story.data) % plan->order}][run.created_number] =
        {expected->second.sequence, id};
  }
  for (const auto& [key, runs] : lanes) {
    std::uint64_t last = 0;
    for (const auto& [number, of] : runs) {
      if (of.first < last) {
        run_.Violated("run {} of {} {} came before one of an earlier event", of.second.Text(),
                      std::get<0>(key), std::get<1>(key));
      }
      last = of.first;
    }
  }
}

void RunPromises::CheckRest(const Node& node, std::size_t partition) {
  namespace keys = engine::keys;
  const engine::State& state = node.At(partition).GetEngine().Current();
  using Table = keys::Table;
  const std::pair<Table, std::string_view> tables[] = {{Table::kTimer, "timers"},
                                                       {Table::kWaiter, "waiters"},
                                                       {Table::kLane, "turns"},
                                                       {Table::kEvaluating, "questions"}};
  for (const auto& [table, name] : tables) {
    const keys::Range range = keys::All(table);
    const auto cursor = node.StoreOf(partition).Read(range.from, range.to);
    std::size_t left = 0;
    for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) ++left;
    if (left > 0) run_.Violated("partition {}: {} {} are left of no run", partition, left, name);
  }
  if (state.Runs().NextTimer()) run_.Violated("partition {}: a timer is left", partition);
  if (!state.Runs().Evaluating().empty())
    run_.Violated("partition {}: a question is left", partition);
}

void RunPromises::CheckCounts(const Node& node, std::size_t partition) {
  namespace keys = engine::keys;
  const engine::RunTable& table = node.At(partition).GetEngine().Current().Runs();
  std::map<std::pair<std::string, std::string>, std::uint64_t> kept;
  const keys::Range range = keys::All(keys::Table::kRunHead);
  const auto cursor = node.StoreOf(partition).Read(range.from, range.to);
  std::uint64_t heads = 0;
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) {
    const auto run = engine::DecodeRun(cursor->Value());
    MESG_CHECK(run);
    ++heads;
    ++kept[{run->application, run->version}];
    const auto story = stories_.find(run->id);
    if (story == stories_.end() || story->second.now == nullptr ||
        story->second.now->state != run->state) {
      run_.Violated("run {} is stored otherwise than it was decided", run->id.Text());
    }
  }
  std::uint64_t listed = 0;
  const keys::Range numbers = keys::All(keys::Table::kRunByNumber);
  const auto list = node.StoreOf(partition).Read(numbers.from, numbers.to);
  for (list->Seek(numbers.from); list->Valid(); list->Next()) ++listed;
  if (listed != heads)
    run_.Violated("partition {}: {} runs are listed, {} stored", partition, listed, heads);
  if (table.OpenRuns() != 0)
    run_.Violated("partition {}: {} runs are counted open", partition, table.OpenRuns());
  for (const auto& [key, application] : table.Applications()) {
    const engine::RunTable::Count count = table.Runs(key.first, key.second);
    if (count.open != 0 || count.kept != kept[key]) {
      run_.Violated("partition {}: {} {} counts {} open and {} kept runs, {} are stored", partition,
                    key.first, key.second, count.open, count.kept, kept[key]);
    }
  }
}

}  // namespace mesg::simulation
