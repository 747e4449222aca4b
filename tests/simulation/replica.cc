#include "tests/simulation/replica.h"

#include <algorithm>
#include <utility>

#include "engine/stored.h"

namespace mesg::simulation {

std::string Describe(const engine::State& state) {
  std::vector<std::string> lines;
  for (const auto& [id, execution] : state.Open()) {
    std::string bytes;
    Encode(*execution, bytes);
    lines.push_back("open " + bytes);
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& [hash, instance] : state.Instances()) {
    lines.push_back(fmt::format("instance {} {} open {}", hash, static_cast<int>(instance->state),
                                state.OpenCount(hash)));
  }
  for (const auto& [name, subscription] : state.Subscriptions()) {
    std::string acknowledged;
    for (const auto& [partition, sequence] : subscription->acknowledged)
      acknowledged += fmt::format(" {}:{}", partition, sequence);
    lines.push_back(fmt::format("subscription {}{} {}", name, acknowledged, subscription->broken));
  }
  for (const auto& [name, held] : state.Holds())
    lines.push_back(fmt::format("hold {} {} {}", name, held.sequence, held.broken));
  for (const auto& [to, body] : state.Outgoing())
    lines.push_back(fmt::format("message {}.{} {}", to.first, to.second, body));
  for (engine::PartitionId to = 0; to < 8; ++to)
    lines.push_back(fmt::format("next message {}", state.NextOutgoing(to)));
  const engine::RunTable& runs = state.Runs();
  for (const auto& [key, application] : runs.Applications()) {
    const engine::RunTable::Count count = runs.Runs(key.first, key.second);
    lines.push_back(fmt::format("application {} {} {} {} {}", key.first, key.second,
                                static_cast<int>(application->state), count.open, count.kept));
  }
  for (const auto& [key, cursor] : runs.Cursors()) {
    lines.push_back(
        fmt::format("cursor {} {} {} {}", key.first, key.second, cursor.next, cursor.problem));
  }
  for (const auto& [key, last] : runs.Schedules())
    lines.push_back(fmt::format("schedule {} {} {}", key.first, key.second, ToMicros(last)));
  for (const engine::RunId& id : runs.Evaluating())
    lines.push_back(fmt::format("evaluating {}", id.Text()));
  lines.push_back(fmt::format("open runs {}, next timer {}", runs.OpenRuns(),
                              runs.NextTimer() ? ToMicros(*runs.NextTimer()) : 0));
  lines.push_back(fmt::format("open bytes {}, dead letters {}, commit {}", state.OpenBytes(),
                              state.DeadLetters(), state.LastCommit()));
  lines.push_back(engine::EncodeCounters(state.Numbers()));
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

Replica::Replica(Run& run, std::uint16_t partition)
    : run_(run), partition_(partition), store_(disk_, 0) {
  auto state = engine::State::Load(store_);
  MESG_CHECK(state);
  state_.emplace(*std::move(state));
}

Replica::Changes Replica::ChangesOf(const store::Batch& batch) {
  Changes changes;
  batch.ForEach([&](store::Batch::Kind kind, std::string_view key, std::string_view value) {
    changes.emplace_back(static_cast<int>(kind), key, value);
  });
  return changes;
}

void Replica::Record(const engine::Record& record) {
  // The engine goes on changing the execution it has created; a replica has its own.
  if (const auto* created = std::get_if<engine::ExecutionCreated>(&record)) {
    records_.emplace_back(
        engine::ExecutionCreated{std::make_shared<Execution>(*created->execution)});
  } else {
    records_.push_back(record);
  }
}

void Replica::Commit(std::uint64_t number, TimePoint time, const store::Batch& batch) {
  commits_.push_back({number, time, std::exchange(records_, {}), ChangesOf(batch)});
}

void Replica::Durable(std::uint64_t number) {
  while (!commits_.empty() && commits_.front().number <= number) {
    Commitment commit = std::move(commits_.front());
    commits_.erase(commits_.begin());
    for (engine::Record& record : commit.records) {
      if (on_fact) on_fact(record, commit.time);
      state_->Fold(std::move(record));
    }
    engine::Decided decided = state_->TakeCommit(commit.time);
    const Changes changes = ChangesOf(decided.batch);
    if (decided.commit != commit.number || changes != commit.changes) {
      run_.Violated("partition {}: folding the facts of commit {} comes to other changes",
                    partition_, commit.number);
    }
    store_.Commit(decided.commit, std::move(decided.batch), {});
    state_->Committed(decided.commit);
  }
}

void Replica::Crash() {
  commits_.clear();
  records_.clear();
}

void ReplicatedStore::Commit(std::uint64_t sequence, store::Batch batch, Done done) {
  replica_.Commit(sequence, run_.now, batch);
  store_.Commit(sequence, std::move(batch),
                [this, sequence, done = std::move(done)](const Result<void>& result) {
                  if (result) replica_.Durable(sequence);
                  done(result);
                });
}

}  // namespace mesg::simulation
