#include "tests/simulation/promises.h"

#include <algorithm>

#include "broker/history.h"
#include "engine/keys.h"

namespace mesg::simulation {
namespace {

std::string Fingerprint(const HistoryEntry& entry) {
  if (entry.IsResult()) return "result of " + entry.execution.Text();
  return fmt::format("{} {} {} {}", entry.source->name, entry.key, entry.data, entry.id);
}

}  // namespace

std::vector<HistoryEntry> ReadAll(const Node& node, std::size_t partition) {
  namespace keys = engine::keys;
  std::vector<HistoryEntry> entries;
  const auto cursor = node.StoreOf(partition).Read(keys::HistoryBegin(), keys::HistoryEnd());
  for (cursor->Seek(keys::HistoryBegin()); cursor->Valid(); cursor->Next()) {
    auto block = DecodeHistoryBlock(cursor->Value());
    MESG_CHECK(block);
    for (HistoryEntry& entry : block->entries) {
      entry.recorded = block->recorded;
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

// ---- Events ----

void Promises::Event(std::size_t partition, const std::string& name, std::uint64_t sequence,
                     const engine::NewEvent& event, bool duplicate, TimePoint requested) {
  if (!event.id.empty()) {
    const auto key = std::pair(name, event.id);
    const auto known = event_ids_.find(key);
    if (known == event_ids_.end()) {
      event_ids_[key] = {sequence, requested};
    } else if (run_.now - known->second.time < window_) {
      if (!duplicate || known->second.sequence != sequence) {
        run_.Violated("event id {} of {} is at {} and again at {}", event.id, name,
                      known->second.sequence, sequence);
      }
      return;
    } else if (!duplicate) {
      known->second = {sequence, requested};
    }
    if (duplicate) return;  // Committed by a request whose answer was lost; checked at the end.
  }
  HistoryEntry entry;
  entry.sequence = sequence;
  entry.source = std::make_shared<const Source>(Source{name, "", ""});
  entry.key = event.key;
  entry.data = event.data;
  entry.id = event.id;
  Shown(partition, entry);
}

void Promises::Shown(std::size_t partition, const HistoryEntry& entry) {
  if (entries_.size() <= partition) entries_.resize(partition + 1);
  const auto [known, is_new] = entries_[partition].try_emplace(entry.sequence, Fingerprint(entry));
  if (!is_new && known->second != Fingerprint(entry)) {
    run_.Violated("{}.{} was \"{}\" and is \"{}\"", partition, entry.sequence, known->second,
                  Fingerprint(entry));
  }
}

// ---- Executions ----

std::string Promises::OutcomeOf(const Execution& execution) {
  return fmt::format("{} {}{}{}", Name(execution.state), execution.outcome->output_key,
                     execution.outcome->outputs, execution.outcome->error);
}

void Promises::Created(const std::string& name, const std::string& key,
                       const engine::Created& created, TimePoint requested) {
  executions_[created.id].acknowledged = true;
  if (key.empty()) return;
  const auto [known, is_new] = keys_.try_emplace({name, key}, created.id, requested);
  if (is_new || known->second.first == created.id) return;
  if (run_.now - known->second.second < window_) {
    run_.Violated("idempotency key {} of {} names {} and {}", key, name, known->second.first.Text(),
                  created.id.Text());
  }
  known->second = {created.id, requested};
}

void Promises::CheckOnce(const Execution& execution, std::uint32_t attempt,
                         const Promised& promised) {
  if (execution.effect != Effect::kOnce || promised.delivered == 0) return;
  if (attempt == promised.delivered) {
    run_.Violated("{} has effect once and attempt {} was sent twice", execution.id.Text(), attempt);
  } else if (!promised.said_failed.contains(promised.delivered)) {
    run_.Violated(
        "{} has effect once and was sent again, though nobody said that attempt {} failed",
        execution.id.Text(), promised.delivered);
  }
}

void Promises::Delivered(const Execution& execution, std::uint32_t attempt) {
  Promised& promised = executions_[execution.id];
  if (promised.ended || promised.accepted) {
    run_.Violated("{} has its result and was sent to a worker", execution.id.Text());
  }
  if (attempt > execution.retry.attempts) {
    run_.Violated("{} may be tried {} times, this is attempt {}", execution.id.Text(),
                  execution.retry.attempts, attempt);
  }
  if (run_.now < execution.not_before) {
    run_.Violated("{} was sent before its time", execution.id.Text());
  }
  CheckOnce(execution, attempt, promised);
  const auto last = std::find_if(
      execution.attempts.rbegin(), execution.attempts.rend(),
      [](const Attempt& ended) { return ended.outcome != AttemptOutcome::kSuperseded; });
  if (last != execution.attempts.rend()) {
    const Duration pause = execution.not_before - last->ended;
    const bool lost = last->outcome == AttemptOutcome::kWorkerLost;
    const Duration least = lost ? Duration(0) : execution.retry.PauseAfter(last->number, 1);
    const Duration most = lost ? Duration(0) : execution.retry.PauseAfter(last->number, 0);
    if (pause < least || pause > most || attempt != last->number + 1) {
      run_.Violated("{} paused {} us before attempt {}, its policy says {} to {}",
                    execution.id.Text(), pause.count(), attempt, least.count(), most.count());
    }
  } else if (attempt != 1) {
    run_.Violated("{} begins with attempt {}", execution.id.Text(), attempt);
  }
  promised.delivered = attempt;
}

void Promises::GivenBack(const ExecutionId& id, std::uint32_t attempt) {
  Promised& promised = executions_[id];
  if (promised.delivered == attempt) promised.delivered = 0;
}

void Promises::SaidFailed(const ExecutionId& id, std::uint32_t attempt) {
  executions_[id].said_failed.insert(attempt);
}

void Promises::Accepted(const ExecutionId& id, const std::string& output) {
  Promised& promised = executions_[id];
  if (promised.accepted) {
    run_.Violated("{} took {} and {} as its result", id.Text(), *promised.accepted, output);
  }
  promised.accepted = output;
}

void Promises::Ended(const Execution& execution) {
  if (!IsFinal(execution.state)) {
    if (execution.state != ExecutionState::kOutcomeUnknown || execution.effect != Effect::kOnce)
      run_.Violated("{} was said to have ended but is {}", execution.id.Text(),
                    Name(execution.state));
    return;
  }
  auto& ended = executions_[execution.id].ended;
  if (ended && *ended != OutcomeOf(execution)) {
    run_.Violated("{} ended as \"{}\" and as \"{}\"", execution.id.Text(), *ended,
                  OutcomeOf(execution));
  }
  ended = OutcomeOf(execution);
}

std::vector<ExecutionId> Promises::Known() const {
  std::vector<ExecutionId> known;
  for (const auto& [id, promised] : executions_) known.push_back(id);
  return known;
}

// ---- At the end ----

void Promises::CheckAll(const Node& node) {
  entries_.resize(node.Partitions());
  for (std::size_t partition = 0; partition < node.Partitions(); ++partition) {
    CheckHistory(node, partition);
    CheckDeadLetters(node, partition);
    for (const auto& [id, execution] : node.At(partition).GetEngine().Current().Open()) {
      run_.Violated("{} is stuck: it is {} and waits for {}", id.Text(), Name(execution->state),
                    node.At(partition).Workers().WaitsFor(*execution).first);
    }
    for (const auto& [hash, instance] : node.At(partition).GetEngine().Current().Instances()) {
      if (instance->state == engine::Instance::State::kDeleting)
        run_.Violated("the deletion of {} never comes to its end", hash);
    }
  }
  for (const auto& [id, promised] : executions_) CheckExecution(node, id, promised);
}

void Promises::CheckHistory(const Node& node, std::size_t partition) {
  const std::vector<HistoryEntry> history = ReadAll(node, partition);
  const engine::Counters& numbers = node.At(partition).GetEngine().Current().Numbers();
  std::uint64_t next = numbers.oldest_sequence;
  std::map<std::pair<std::string, std::string>, TimePoint> ids;
  std::set<ExecutionId> results;
  TimePoint recorded{};
  for (const HistoryEntry& entry : history) {
    if (entry.sequence != next++) run_.Violated("{}.{} leaves a gap", partition, entry.sequence);
    if (entry.recorded < recorded)
      run_.Violated("{}.{} goes back in time", partition, entry.sequence);
    recorded = entry.recorded;
    Shown(partition, entry);
    if (entry.IsResult() && !results.insert(entry.execution).second)
      run_.Violated("{} has two results", entry.execution.Text());
    if (entry.id.empty()) continue;
    const auto [known, is_new] = ids.try_emplace({entry.source->name, entry.id}, entry.recorded);
    // The window is counted from the decision, which a slow disk may precede by far.
    if (!is_new && entry.recorded - known->second < window_ / 2)
      run_.Violated("event id {} of {} stands twice", entry.id, entry.source->name);
    known->second = entry.recorded;
  }
  if (next != numbers.next_sequence)
    run_.Violated("partition {}: the history ends at {}, not {}", partition, next,
                  numbers.next_sequence);
  for (const auto& [sequence, promised] : entries_[partition]) {
    if (sequence >= next) run_.Violated("{}.{} was lost: {}", partition, sequence, promised);
  }
  for (const auto& [key, id] : event_ids_) {
    if (node.PartitionOf(key.first) == partition && id.sequence >= next)
      run_.Violated("event {} of {} was lost", key.second, key.first);
  }
}

void Promises::CheckExecution(const Node& node, const ExecutionId& id, const Promised& promised) {
  const std::size_t partition = node.PartitionOf(id);
  const auto found = broker::ReadExecution(node.StoreOf(partition), id);
  MESG_CHECK(found);
  if (*found == nullptr) {
    const bool trimmed = node.Oldest(partition) > 1;  // Its result may be among what went.
    if ((promised.acknowledged || promised.ended || promised.accepted) && !trimmed)
      run_.Violated("{} was lost", id.Text());
    return;
  }
  const Execution& execution = **found;
  if (!IsFinal(execution.state)) {
    run_.Violated("{} has no result, it is {}", id.Text(), Name(execution.state));
    return;
  }
  if (promised.ended && *promised.ended != OutcomeOf(execution)) {
    run_.Violated("{} ended as \"{}\" and is \"{}\"", id.Text(), *promised.ended,
                  OutcomeOf(execution));
  }
  if (promised.accepted && *promised.accepted != execution.outcome->outputs) {
    run_.Violated("{} took {} and is \"{}\"", id.Text(), *promised.accepted, OutcomeOf(execution));
  }
}

void Promises::CheckDeadLetters(const Node& node, std::size_t partition) {
  namespace keys = engine::keys;
  std::set<ExecutionId> listed;
  const keys::Range range = keys::All(keys::Table::kDeadLetter);
  const auto cursor = node.StoreOf(partition).Read(range.from, range.to);
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next())
    listed.insert(keys::DeadLetterId(cursor->Key()).value());
  if (listed.size() != node.At(partition).GetEngine().Current().DeadLetters())
    run_.Violated("partition {}: {} dead letters are listed, {} are counted", partition,
                  listed.size(), node.At(partition).GetEngine().Current().DeadLetters());
  const keys::Range closed = keys::All(keys::Table::kClosed);
  const auto executions = node.StoreOf(partition).Read(closed.from, closed.to);
  for (executions->Seek(closed.from); executions->Valid(); executions->Next()) {
    const auto execution = DecodeExecution(executions->Value());
    MESG_CHECK(execution);
    const ExecutionId& id = execution->id;
    if (execution->dead_letter != listed.contains(id))
      run_.Violated("{} {} a dead letter, the list says otherwise", id.Text(),
                    execution->dead_letter ? "is" : "is not");
    listed.erase(id);
    const bool exhausted = std::ranges::any_of(execution->attempts, [&](const Attempt& attempt) {
      return attempt.number >= execution->retry.attempts &&
             attempt.outcome != AttemptOutcome::kSucceeded &&
             attempt.outcome != AttemptOutcome::kUnknown;
    });
    const bool unknown = std::ranges::any_of(execution->attempts, [](const Attempt& attempt) {
      return attempt.outcome == AttemptOutcome::kUnknown;
    });
    const bool permanent =
        execution->outcome->error.starts_with("for good") || execution->attempts.empty();
    // A step's run is what is retried.
    const bool wanted = execution->state == ExecutionState::kFailed && !permanent &&
                        execution->run.empty() && (exhausted || unknown) && !handled_.contains(id);
    if (wanted && !execution->dead_letter)
      run_.Violated("{} is exhausted and no dead letter", id.Text());
    if (execution->dead_letter &&
        (execution->state != ExecutionState::kFailed || permanent || !(exhausted || unknown)))
      run_.Violated("{} is a dead letter and not exhausted", id.Text());
  }
  for (const ExecutionId& id : listed) run_.Violated("dead letter {} is not there", id.Text());
}

}  // namespace mesg::simulation
