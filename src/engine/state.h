#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/command.h"
#include "engine/effect.h"
#include "engine/keys.h"
#include "engine/overlay.h"
#include "engine/record.h"
#include "engine/run_table.h"
#include "engine/stored.h"
#include "store/batch.h"
#include "store/store.h"

namespace mesg::engine {

/// What an open execution costs, in memory and about as much on disk: its texts, and a little for
/// the rest. State::OpenBytes is the sum.
std::uint64_t OpenWeight(const Execution& execution);

/// What a partition knows: the committed store, and over it everything decided since (the overlay).
///
/// Open executions, instances, subscriptions and holds are kept in memory, they are few or bounded;
/// the rest is read from the store by key. Changed by Fold alone.
/// Threads: one. Lifetime: borrows `store`.
class State {
 public:
  /// Reads what has to be in memory. DataLoss when a stored value is damaged.
  static Result<State> Load(const store::Store& store);

  /// Applies a fact and adds the changes it means to the current commit.
  void Fold(Record&& record);

  /// Closes the current commit: its number, changes, history block and results. The next facts
  /// belong to the next commit.
  Decided TakeCommit(TimePoint now);
  bool HasChanges() const { return dirty_; }
  std::size_t PendingBytes() const {
    return overlay_->Direct().bytes() + block_bytes_ + runs_->PendingBytes();
  }

  /// `commit` is durable: what the overlay kept for it is now read from the store.
  void Committed(std::uint64_t commit);

  // Lookups; they see the overlay.
  const Execution* FindOpen(const ExecutionId& id) const;
  ExecutionPtr OpenPtr(const ExecutionId& id) const;
  /// Open or closed; nullptr when there is none, or none any more.
  Result<ExecutionPtr> Find(const ExecutionId& id) const;
  Result<std::optional<StoredValue>> FindValue(std::string_view name, std::string_view key) const;
  Result<std::optional<Remembered>> FindRemembered(const std::string& storage_key) const;
  Result<std::uint64_t> ReceivedFrom(PartitionId from) const;

  struct Held {
    std::uint64_t sequence = 0;
    bool broken = false;
  };
  const std::map<std::string, std::shared_ptr<const Instance>>& Instances() const {
    return instances_;
  }
  const std::map<std::string, std::shared_ptr<const Subscription>>& Subscriptions() const {
    return subscriptions_;
  }
  const std::map<std::string, Held>& Holds() const { return holds_; }
  const std::unordered_map<ExecutionId, std::shared_ptr<Execution>>& Open() const { return open_; }
  /// The same in the order of their creation, for who looks at a part at a time.
  const std::map<std::uint64_t, const Execution*>& OpenByNumber() const { return open_by_number_; }
  const std::map<std::pair<PartitionId, std::uint64_t>, std::string>& Outgoing() const {
    return outgoing_;
  }
  /// Active instance of a name, or null.
  std::shared_ptr<const Instance> ActiveInstance(std::string_view name) const;

  std::uint64_t OpenCount(const std::string& instance_hash) const;
  std::uint64_t OpenBytes() const { return open_bytes_; }
  std::uint64_t DeadLetters() const { return dead_letters_; }
  std::uint64_t NextOutgoing(PartitionId to) const;
  const Counters& Numbers() const { return numbers_; }
  /// The latest time of a commit, of those before a restart too.
  TimePoint DecidedUntil() const { return decided_; }
  const RunTable& Runs() const { return *runs_; }
  /// Runs that are due, at most `most`. Reads ahead what is not in memory; changes nothing.
  Result<std::vector<RunId>> DueRuns(TimePoint now, std::size_t most) {
    return runs_->Due(now, most);
  }
  /// Those of the history that are not durable yet, oldest first, and then those of the commit
  /// under construction, whose times are not given yet.
  template <typename Visit>
  void ForEachFresh(Visit&& visit) const {
    for (const Uncommitted& commit : uncommitted_) {
      if (commit.block == nullptr) continue;
      for (const HistoryEntry& entry : commit.block->entries) visit(entry);
    }
    for (const HistoryEntry& entry : block_.entries) visit(entry);
  }
  /// The first sequence that ForEachFresh would visit, or the next one.
  std::uint64_t FirstFresh() const;
  std::uint64_t LastCommit() const { return last_commit_; }        ///< Taken, durable or not.
  std::uint64_t LastCommitted() const { return last_committed_; }  ///< Durable.
  const store::Store& Storage() const { return *store_; }

 private:
  explicit State(const store::Store& store);

  void FoldOne(EventsEmitted&& record);
  void FoldOne(KeyMoved&& record);
  void FoldOne(IdRemembered&& record);
  void FoldOne(IdsForgotten&& record);
  void FoldOne(ExecutionCreated&& record);
  void FoldOne(ExecutionDispatched&& record);
  void FoldOne(AttemptRecorded&& record);
  void FoldOne(ExecutionFinished&& record);
  void FoldOne(OutcomeBecameUnknown&& record);
  void FoldOne(DeadLetterRemoved&& record);
  void FoldOne(ExecutionMoved&& record);
  void FoldOne(InstancePut&& record);
  void FoldOne(InstanceGone&& record);
  void FoldOne(NameForgotten&& record);
  void FoldOne(SubscriptionPut&& record);
  void FoldOne(SubscriptionGone&& record);
  void FoldOne(HoldPut&& record);
  void FoldOne(HoldGone&& record);
  void FoldOne(MessageQueued&& record);
  void FoldOne(MessagesConfirmed&& record);
  void FoldOne(MessageTaken&& record);
  void FoldOne(HistoryTrimmed&& record);
  void FoldOne(ApplicationPut&& record);
  void FoldOne(ApplicationGone&& record);
  void FoldOne(RunChanged&& record);
  void FoldOne(RunForgotten&& record);
  void FoldOne(StepEnded&& record);
  void FoldOne(ItemEnded&& record);
  void FoldOne(ItemGone&& record);
  void FoldOne(CursorMoved&& record);
  void FoldOne(ScheduleMoved&& record);
  void FoldOne(WaiterPut&& record);
  void FoldOne(WaiterGone&& record);

  Execution& MustFindOpen(const ExecutionId& id);
  void AddOpen(std::shared_ptr<Execution> execution);
  void PutOpen(const Execution& execution);
  void PutDeadLetter(const Execution& execution);
  void DeleteDeadLetter(const Execution& execution);
  void AppendPostings(const HistoryBlock& block);
  Result<void> LoadExecutions();
  Result<void> LoadTables();
  Result<void> LoadMessages();
  Result<void> LoadDeadLetters();

  const store::Store* store_;
  std::uint64_t last_commit_ = 0;
  std::uint64_t last_committed_ = 0;
  Counters numbers_;
  TimePoint decided_{};
  TimePoint last_recorded_{};  // Of the newest block.

  std::unordered_map<ExecutionId, std::shared_ptr<Execution>> open_;
  std::map<std::uint64_t, const Execution*> open_by_number_;  // By created_number; of open_.
  std::uint64_t open_bytes_ = 0;
  std::uint64_t dead_letters_ = 0;
  std::unordered_map<std::string, std::uint64_t> open_count_;         // By instance hash.
  std::map<std::string, std::shared_ptr<const Instance>> instances_;  // By instance hash.
  std::map<std::string, std::shared_ptr<const Subscription>> subscriptions_;
  std::map<std::string, Held> holds_;
  std::map<std::pair<PartitionId, std::uint64_t>, std::string> outgoing_;
  std::map<PartitionId, std::uint64_t> next_outgoing_;

  std::unique_ptr<Overlay> overlay_;
  std::unique_ptr<RunTable> runs_;  // Borrows the overlay.

  // Closed executions of commits that are not durable yet; null when they are gone.
  std::unordered_map<ExecutionId, std::pair<std::uint64_t, ExecutionPtr>> closed_;
  struct Uncommitted {
    std::uint64_t commit = 0;
    std::vector<ExecutionId> executions;
    std::shared_ptr<const HistoryBlock> block;
  };
  std::vector<Uncommitted> uncommitted_;

  // The commit under construction.
  bool dirty_ = false;
  HistoryBlock block_;
  std::size_t block_bytes_ = 0;
  std::uint64_t closed_weight_ = 0;  // Of executions closed in this commit.
  std::unordered_map<ExecutionId, ExecutionPtr> results_;
  std::map<TimePoint, std::vector<std::string>> expiries_;
  Uncommitted current_;
};

}  // namespace mesg::engine
