#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/engine.h"
#include "store/memory/memory_store.h"
#include "tests/simulation/run.h"

namespace mesg::simulation {

/// What a State holds in memory, as text to compare.
std::string Describe(const engine::State& state);

/// A second State of a partition that only folds what was committed, as recovery and replicas do;
/// it has to come to the same bytes.
class Replica {
 public:
  Replica(Run& run, std::uint16_t partition);

  /// A fact of the commit that comes next.
  void Record(const engine::Record& record);
  /// The facts so far are commit `number`, which says `batch`.
  void Commit(std::uint64_t number, TimePoint time, const store::Batch& batch);
  /// Everything up to commit `number` is durable: folds it.
  void Durable(std::uint64_t number);
  /// What is not durable is gone.
  void Crash();

  /// A fact is durable, and about to be folded.
  std::function<void(const engine::Record&, TimePoint)> on_fact;

  const engine::State& Current() const { return *state_; }
  std::map<std::string, std::string> Contents() const { return disk_.Contents(0); }

 private:
  using Changes = std::vector<std::tuple<int, std::string, std::string>>;
  struct Commitment {
    std::uint64_t number = 0;
    TimePoint time{};
    std::vector<engine::Record> records;
    Changes changes;
  };
  static Changes ChangesOf(const store::Batch& batch);

  Run& run_;
  const std::uint16_t partition_;
  store::memory::MemoryDisk disk_;
  store::memory::MemoryStore store_;
  std::optional<engine::State> state_;
  std::vector<engine::Record> records_;
  std::vector<Commitment> commits_;
};

/// The store of one partition of one process; tells the replica what passes through it.
class ReplicatedStore final : public store::Store {
 public:
  ReplicatedStore(Run& run, store::memory::MemoryDisk& disk, std::uint16_t partition,
                  Replica& replica)
      : run_(run), replica_(replica), store_(disk, partition, store::memory::Completion::kByStep) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    return store_.Get(key);
  }
  std::unique_ptr<store::Cursor> Read(std::string_view from, std::string_view to) const override {
    return store_.Read(from, to);
  }
  void Commit(std::uint64_t sequence, store::Batch batch, Done done) override;
  store::Recovery Recovered() const override { return store_.Recovered(); }
  std::size_t MaxBatchBytes() const override { return store_.MaxBatchBytes(); }

  store::memory::MemoryStore& Memory() { return store_; }

 private:
  Run& run_;
  Replica& replica_;
  store::memory::MemoryStore store_;
};

}  // namespace mesg::simulation
