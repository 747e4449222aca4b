#include "engine/state.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/keys.h"

namespace mesg::engine {

std::uint64_t OpenWeight(const Execution& execution) {
  constexpr std::uint64_t kFixed = 512;
  constexpr std::uint64_t kFixedAttempt = 64;
  std::uint64_t weight = kFixed + execution.inputs.size() + execution.task.size() +
                         execution.idempotency_key.size() + execution.traceparent.size();
  for (const std::string& tag : execution.tags) weight += tag.size();
  for (const Attempt& attempt : execution.attempts)
    weight += kFixedAttempt + attempt.reason.size() + attempt.worker.size();
  if (execution.outcome) weight += execution.outcome->error.size();
  return weight;
}

// ---- Lookups ----

const Execution* State::FindOpen(const ExecutionId& id) const {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : found->second.get();
}

ExecutionPtr State::OpenPtr(const ExecutionId& id) const {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : found->second;
}

Result<ExecutionPtr> State::Find(const ExecutionId& id) const {
  if (ExecutionPtr open = OpenPtr(id)) return open;
  if (const auto closed = closed_.find(id); closed != closed_.end()) return closed->second.second;
  const auto stored = MESG_TRY(store_->Get(keys::ClosedExecution(id)));
  if (!stored) return ExecutionPtr();
  return ExecutionPtr(std::make_shared<const Execution>(MESG_TRY(DecodeExecution(*stored))));
}

Result<std::optional<StoredValue>> State::FindValue(std::string_view name,
                                                    std::string_view key) const {
  const auto stored = MESG_TRY(overlay_->Get(keys::Value(name, key)));
  if (!stored) return std::optional<StoredValue>();
  return std::optional<StoredValue>(MESG_TRY(DecodeValue(*stored)));
}

Result<std::optional<Remembered>> State::FindRemembered(const std::string& storage_key) const {
  const auto stored = MESG_TRY(overlay_->Get(storage_key));
  if (!stored) return std::optional<Remembered>();
  return std::optional<Remembered>(MESG_TRY(DecodeRemembered(*stored)));
}

Result<std::uint64_t> State::ReceivedFrom(PartitionId from) const {
  const auto stored = MESG_TRY(overlay_->Get(keys::Received(from)));
  if (!stored) return std::uint64_t{0};
  return DecodeNumber(*stored);
}

std::shared_ptr<const Instance> State::ActiveInstance(std::string_view name) const {
  for (const auto& [hash, instance] : instances_) {
    if (instance->source->name == name && instance->state == Instance::State::kActive)
      return instance;
  }
  return nullptr;
}

std::uint64_t State::OpenCount(const std::string& instance_hash) const {
  const auto found = open_count_.find(instance_hash);
  return found == open_count_.end() ? 0 : found->second;
}

std::uint64_t State::NextOutgoing(PartitionId to) const {
  const auto found = next_outgoing_.find(to);
  return found == next_outgoing_.end() ? 1 : found->second;
}

// ---- Folding ----

void State::Fold(Record&& record) {
  dirty_ = true;
  std::visit([this](auto&& fact) { FoldOne(std::forward<decltype(fact)>(fact)); },
             std::move(record));
}

Execution& State::MustFindOpen(const ExecutionId& id) {
  const auto found = open_.find(id);
  MESG_CHECK(found != open_.end(), "a fact speaks of execution {}, which is not open", id.Text());
  return *found->second;
}

void State::AddOpen(std::shared_ptr<Execution> execution) {
  open_bytes_ += OpenWeight(*execution);
  ++open_count_[execution->source->instance_hash];
  // Mostly the newest.
  open_by_number_.emplace_hint(open_by_number_.end(), execution->created_number, execution.get());
  const ExecutionId id = execution->id;
  open_.emplace(id, std::move(execution));
}

void State::PutOpen(const Execution& execution) {
  std::string value;
  Encode(execution, value);
  overlay_->Direct().Put(keys::OpenExecution(execution.id), value);
}

void State::PutDeadLetter(const Execution& execution) {
  overlay_->Direct().Put(keys::DeadLetter(execution.created_number, execution.id), "");
  ++dead_letters_;
}

void State::DeleteDeadLetter(const Execution& execution) {
  overlay_->Direct().Delete(keys::DeadLetter(execution.created_number, execution.id));
  --dead_letters_;
}

void State::FoldOne(EventsEmitted&& record) {
  for (HistoryEntry& entry : record.entries) {
    MESG_CHECK(entry.sequence == numbers_.next_sequence, "a gap in the history");
    ++numbers_.next_sequence;
    block_bytes_ +=
        entry.data.size() + entry.key.size() + entry.id.size() + entry.traceparent.size();
    block_.entries.push_back(std::move(entry));
  }
}

void State::FoldOne(KeyMoved&& record) {
  std::string key = keys::Value(record.name, record.key);
  numbers_.next_version = std::max(numbers_.next_version, record.version + 1);
  if (record.value) {
    overlay_->Put(std::move(key), EncodeValue(*record.value, record.version));
  } else {
    overlay_->Delete(std::move(key));
  }
}

void State::FoldOne(IdRemembered&& record) {
  expiries_[record.expires].push_back(record.storage_key);
  block_bytes_ += record.storage_key.size();
  overlay_->Put(std::move(record.storage_key),
                EncodeRemembered({record.sequence, record.execution, std::move(record.fingerprint),
                                  record.expires}));
}

void State::FoldOne(IdsForgotten&& record) {
  for (std::string& key : record.storage_keys) overlay_->Delete(std::move(key));
  overlay_->Direct().Delete(record.expiry_key);
}

void State::FoldOne(ExecutionCreated&& record) {
  std::shared_ptr<Execution> execution = std::move(record.execution);
  MESG_CHECK(execution->created_number == numbers_.next_created_number,
             "creation numbers leave a gap");
  ++numbers_.next_created_number;
  PutOpen(*execution);
  AddOpen(std::move(execution));
}

void State::FoldOne(ExecutionDispatched&& record) {
  Execution& execution = MustFindOpen(record.id);
  execution.state = ExecutionState::kDispatched;
  execution.dispatched = record.time;
  PutOpen(execution);
}

void State::FoldOne(AttemptRecorded&& record) {
  Execution& execution = MustFindOpen(record.id);
  open_bytes_ -= OpenWeight(execution);
  execution.attempts.push_back(std::move(record.attempt));
  open_bytes_ += OpenWeight(execution);
  // A late failure of an attempt that was replaced changes nothing about the one that runs.
  if (execution.attempts.back().outcome != AttemptOutcome::kSuperseded) {
    execution.state = ExecutionState::kCreated;
    execution.dispatched = TimePoint();
    execution.not_before = record.not_before;
  }
  PutOpen(execution);
}

void State::FoldOne(ExecutionFinished&& record) {
  const auto found = open_.find(record.id);
  MESG_CHECK(found != open_.end(), "execution {} finished twice", record.id.Text());
  MESG_CHECK(record.sequence == numbers_.next_sequence, "a gap in the history");
  ++numbers_.next_sequence;
  open_bytes_ -= OpenWeight(*found->second);
  // Readers may hold the open one; the final one never changes again, so it is a value of its own.
  const auto execution = std::make_shared<Execution>(std::move(*found->second));
  const bool was_unknown = execution->state == ExecutionState::kOutcomeUnknown;
  execution->state = record.state;
  execution->outcome = std::move(record.outcome);
  if (record.attempt) execution->attempts.push_back(std::move(*record.attempt));
  execution->dead_letter = record.dead_letter;
  execution->result_sequence = record.sequence;

  std::string value;
  Encode(*execution, value);
  overlay_->Direct().Delete(keys::OpenExecution(execution->id));
  overlay_->Direct().Put(keys::ClosedExecution(execution->id), value);
  if (execution->dead_letter && !was_unknown) PutDeadLetter(*execution);
  if (!execution->dead_letter && was_unknown) DeleteDeadLetter(*execution);

  if (auto& count = open_count_[execution->source->instance_hash]; --count == 0) {
    open_count_.erase(execution->source->instance_hash);
  }
  open_by_number_.erase(execution->created_number);
  open_.erase(found);
  closed_.insert_or_assign(execution->id, std::pair(last_commit_ + 1, ExecutionPtr(execution)));
  current_.executions.push_back(execution->id);

  HistoryEntry entry;
  entry.sequence = record.sequence;
  entry.source = execution->source;
  entry.key = execution->task;
  entry.traceparent = execution->traceparent;
  entry.execution = execution->id;
  block_.entries.push_back(std::move(entry));
  closed_weight_ += value.size();
  block_bytes_ += 64;
  results_.emplace(execution->id, execution);
}

void State::FoldOne(OutcomeBecameUnknown&& record) {
  Execution& execution = MustFindOpen(record.id);
  open_bytes_ -= OpenWeight(execution);
  execution.state = ExecutionState::kOutcomeUnknown;
  execution.outcome = std::move(record.outcome);
  execution.attempts.push_back(std::move(record.attempt));
  open_bytes_ += OpenWeight(execution);
  execution.dead_letter = true;
  PutOpen(execution);
  PutDeadLetter(execution);
}

void State::FoldOne(DeadLetterRemoved&& record) {
  ExecutionPtr before;
  if (const auto closed = closed_.find(record.id); closed != closed_.end()) {
    before = closed->second.second;
  } else {
    const auto stored = store_->Get(keys::ClosedExecution(record.id));
    MESG_CHECK(stored && *stored, "dead letter {} is not stored", record.id.Text());
    auto decoded = DecodeExecution(**stored);
    MESG_CHECK(decoded, "dead letter {} cannot be read", record.id.Text());
    before = std::make_shared<const Execution>(*std::move(decoded));
  }
  DeleteDeadLetter(*before);
  current_.executions.push_back(before->id);
  if (before->result_sequence < numbers_.oldest_sequence) {
    // Retention has already let go of its result; the dead letter was all that kept it.
    overlay_->Direct().Delete(keys::ClosedExecution(before->id));
    closed_.insert_or_assign(before->id, std::pair(last_commit_ + 1, ExecutionPtr()));
    return;
  }
  const auto after = std::make_shared<Execution>(*before);
  after->dead_letter = false;
  std::string value;
  Encode(*after, value);
  overlay_->Direct().Put(keys::ClosedExecution(after->id), value);
  closed_.insert_or_assign(after->id, std::pair(last_commit_ + 1, ExecutionPtr(after)));
}

void State::FoldOne(ExecutionMoved&& record) {
  const auto found = open_.find(record.id);
  MESG_CHECK(found != open_.end(), "execution {} moved but is not open", record.id.Text());
  Execution& execution = *found->second;
  if (auto& count = open_count_[execution.source->instance_hash]; --count == 0) {
    open_count_.erase(execution.source->instance_hash);
  }
  execution.source = std::move(record.source);
  ++open_count_[execution.source->instance_hash];
  PutOpen(execution);
}

void State::FoldOne(InstancePut&& record) {
  const std::string& hash = record.instance->source->instance_hash;
  overlay_->Direct().Put(keys::InstanceRecord(hash), EncodeInstance(*record.instance));
  instances_[hash] = std::move(record.instance);
}

void State::FoldOne(InstanceGone&& record) {
  overlay_->Direct().Delete(keys::InstanceRecord(record.instance_hash));
  instances_.erase(record.instance_hash);
}

void State::FoldOne(NameForgotten&& record) {
  for (const keys::Table table :
       {keys::Table::kValue, keys::Table::kRememberedEvent, keys::Table::kRememberedExecution}) {
    overlay_->DeleteRange(keys::OfName(table, record.name));
  }
}

void State::FoldOne(SubscriptionPut&& record) {
  overlay_->Direct().Put(keys::SubscriptionRecord(record.subscription->name),
                         EncodeSubscription(*record.subscription));
  const std::string name = record.subscription->name;
  subscriptions_[name] = std::move(record.subscription);
}

void State::FoldOne(SubscriptionGone&& record) {
  overlay_->Direct().Delete(keys::SubscriptionRecord(record.name));
  subscriptions_.erase(record.name);
}

void State::FoldOne(HoldPut&& record) {
  overlay_->Direct().Put(keys::Hold(record.subscription),
                         EncodeHold({record.sequence, record.broken}));
  holds_[record.subscription] = Held{record.sequence, record.broken};
}

void State::FoldOne(HoldGone&& record) {
  overlay_->Direct().Delete(keys::Hold(record.subscription));
  holds_.erase(record.subscription);
}

void State::FoldOne(MessageQueued&& record) {
  overlay_->Direct().Put(keys::Outgoing(record.to, record.number), record.body);
  // The last number outlives its message: numbers are never used again.
  overlay_->Direct().Put(keys::Outgoing(record.to, 0), EncodeNumber(record.number));
  next_outgoing_[record.to] = record.number + 1;
  outgoing_[{record.to, record.number}] = std::move(record.body);
}

void State::FoldOne(MessagesConfirmed&& record) {
  auto it = outgoing_.lower_bound({record.to, 0});
  while (it != outgoing_.end() && it->first.first == record.to &&
         it->first.second <= record.number) {
    overlay_->Direct().Delete(keys::Outgoing(record.to, it->first.second));
    it = outgoing_.erase(it);
  }
}

void State::FoldOne(MessageTaken&& record) {
  overlay_->Put(keys::Received(record.from), EncodeNumber(record.number));
}

void State::FoldOne(HistoryTrimmed&& record) {
  for (const std::string& key : record.storage_keys) overlay_->Direct().Delete(key);
  numbers_.oldest_sequence = record.oldest;
  numbers_.history_weight -= std::min(numbers_.history_weight, record.weight);
}

void State::FoldOne(ApplicationPut&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(ApplicationGone&& record) { runs_->Remove(record); }
void State::FoldOne(RunChanged&& record) {
  const bool is_new = record.run->created_number >= numbers_.next_run_number;
  numbers_.next_run_number = std::max(numbers_.next_run_number, record.run->created_number + 1);
  runs_->Put(std::move(record), is_new);
}
void State::FoldOne(RunForgotten&& record) { runs_->Remove(record); }
void State::FoldOne(StepEnded&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(ItemEnded&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(ItemGone&& record) { runs_->Remove(record); }
void State::FoldOne(CursorMoved&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(ScheduleMoved&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(WaiterPut&& record) { runs_->Put(std::move(record)); }
void State::FoldOne(WaiterGone&& record) { runs_->Remove(record); }

// ---- Commits ----

std::uint64_t State::FirstFresh() const {
  for (const Uncommitted& commit : uncommitted_) {
    if (commit.block != nullptr) return commit.block->first;
  }
  return block_.entries.empty() ? numbers_.next_sequence : block_.entries.front().sequence;
}

Decided State::TakeCommit(TimePoint now) {
  Decided decided;
  decided.commit = ++last_commit_;
  decided_ = std::max(decided_, now);
  if (!block_.entries.empty()) {
    block_.first = block_.entries.front().sequence;
    now = std::max(now, last_recorded_);  // The machine's clock may go back, the history not.
    last_recorded_ = now;
    block_.recorded = now;
    block_.weight = closed_weight_;
    for (HistoryEntry& entry : block_.entries) {
      entry.recorded = now;
      if (entry.time == TimePoint()) entry.time = now;
    }
    std::string value;
    value.reserve(block_bytes_ + block_.entries.size() * 32);
    Encode(block_, value);
    overlay_->Direct().Put(keys::History(block_.first), value);
    numbers_.history_weight += value.size() + closed_weight_;
    AppendPostings(block_);
    decided.history = std::make_shared<const HistoryBlock>(std::move(block_));
  }
  for (const auto& [expires, storage_keys] : expiries_) {
    overlay_->Direct().Put(keys::Expiry(expires, decided.commit), EncodeExpiry(storage_keys));
  }
  runs_->Seal();
  numbers_.open_runs = runs_->OpenRuns();
  overlay_->Direct().Put(keys::Partition(), EncodeCounters(numbers_, decided_));

  decided.batch = overlay_->Take();
  decided.results = std::exchange(results_, {});
  current_.commit = decided.commit;
  current_.block = decided.history;
  uncommitted_.push_back(std::exchange(current_, {}));
  block_ = {};
  block_bytes_ = 0;
  closed_weight_ = 0;
  expiries_.clear();
  dirty_ = false;
  return decided;
}

void State::AppendPostings(const HistoryBlock& block) {
  using Group = std::tuple<std::string_view, bool, std::string_view>;
  std::map<Group, std::vector<std::uint32_t>> groups;
  // Neighbours are mostly of one group.
  std::pair<const Group, std::vector<std::uint32_t>>* last = nullptr;
  for (const HistoryEntry& entry : block.entries) {
    const Group group(entry.source->name, entry.IsResult(), entry.key);
    if (last == nullptr || last->first != group) last = &*groups.try_emplace(group).first;
    last->second.push_back(static_cast<std::uint32_t>(entry.sequence - block.first));
  }
  for (const auto& [group, offsets] : groups) {
    const auto& [name, is_result, key] = group;
    overlay_->Direct().Put(keys::Postings(name, is_result, key, block.first),
                           EncodePostings(offsets));
  }
}

void State::Committed(std::uint64_t commit) {
  last_committed_ = commit;
  overlay_->Committed(commit);
  runs_->Committed(commit);
  while (!uncommitted_.empty() && uncommitted_.front().commit <= commit) {
    const Uncommitted done = std::move(uncommitted_.front());
    uncommitted_.erase(uncommitted_.begin());
    // A later commit may have changed it again; then it is still needed.
    for (const ExecutionId& id : done.executions) {
      if (const auto found = closed_.find(id);
          found != closed_.end() && found->second.first == done.commit) {
        closed_.erase(found);
      }
    }
  }
}

// ---- Recovery ----

State::State(const store::Store& store)
    : store_(&store),
      last_commit_(store.Recovered().last_sequence),
      last_committed_(last_commit_),
      overlay_(std::make_unique<Overlay>(store, last_commit_)),
      runs_(std::make_unique<RunTable>(*overlay_)) {}

Result<State> State::Load(const store::Store& store) {
  State state(store);
  if (const auto stored = MESG_TRY(store.Get(keys::Partition()))) {
    state.numbers_ = MESG_TRY(DecodeCounters(*stored));
    state.decided_ = MESG_TRY(DecodeDecided(*stored));
  }
  MESG_TRY(state.LoadTables());
  MESG_TRY(state.LoadMessages());
  MESG_TRY(state.LoadExecutions());
  MESG_TRY(state.LoadDeadLetters());
  MESG_TRY(state.runs_->Load(state.numbers_.open_runs));
  return state;
}

namespace {

template <typename Visit>
Result<void> ForEach(const store::Store& store, keys::Table table, Visit&& visit) {
  const keys::Range range = keys::All(table);
  const auto cursor = store.Read(range.from, range.to);
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) {
    MESG_TRY(visit(cursor->Key(), cursor->Value()));
  }
  return cursor->Status();
}

}  // namespace

Result<void> State::LoadTables() {
  MESG_TRY(ForEach(*store_, keys::Table::kInstance,
                   [this](std::string_view, std::string_view value) -> Result<void> {
                     auto instance =
                         std::make_shared<const Instance>(MESG_TRY(DecodeInstance(value)));
                     const std::string hash = instance->source->instance_hash;
                     instances_[hash] = std::move(instance);
                     return {};
                   }));
  MESG_TRY(ForEach(*store_, keys::Table::kSubscription,
                   [this](std::string_view, std::string_view value) -> Result<void> {
                     auto subscription =
                         std::make_shared<const Subscription>(MESG_TRY(DecodeSubscription(value)));
                     const std::string name = subscription->name;
                     subscriptions_[name] = std::move(subscription);
                     return {};
                   }));
  return ForEach(*store_, keys::Table::kHold,
                 [this](std::string_view key, std::string_view value) -> Result<void> {
                   const StoredHold hold = MESG_TRY(DecodeHold(value));
                   holds_[std::string(key.substr(1))] = Held{hold.sequence, hold.broken};
                   return {};
                 });
}

Result<void> State::LoadDeadLetters() {
  MESG_TRY(ForEach(*store_, keys::Table::kDeadLetter,
                   [this](std::string_view, std::string_view) -> Result<void> {
                     ++dead_letters_;
                     return {};
                   }));
  const auto newest = store_->Read(keys::HistoryBegin(), keys::HistoryEnd());
  newest->SeekForPrev(keys::HistoryEnd());
  if (newest->Valid()) {
    const HistoryBlock block = MESG_TRY(DecodeHistoryBlock(newest->Value()));
    last_recorded_ = block.recorded;
  }
  return newest->Status();
}

Result<void> State::LoadMessages() {
  return ForEach(
      *store_, keys::Table::kOutgoing,
      [this](std::string_view key, std::string_view value) -> Result<void> {
        if (key.size() != 11)
          return DataLoss("a stored message has a key of {} bytes, expected 11", key.size());
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(key[at]); };
        const auto to = static_cast<PartitionId>(byte(1) << 8 | byte(2));
        std::uint64_t number = 0;
        for (std::size_t at = 3; at < 11; ++at) number = number << 8 | byte(at);
        if (number == 0) {
          next_outgoing_[to] = MESG_TRY(DecodeNumber(value)) + 1;
        } else {
          outgoing_[{to, number}] = std::string(value);
        }
        return {};
      });
}

Result<void> State::LoadExecutions() {
  return ForEach(*store_, keys::Table::kOpen,
                 [this](std::string_view, std::string_view value) -> Result<void> {
                   auto execution = std::make_shared<Execution>(MESG_TRY(DecodeExecution(value)));
                   // One Source for all of an instance: it is compared by pointer where that is
                   // enough.
                   if (const auto instance = instances_.find(execution->source->instance_hash);
                       instance != instances_.end()) {
                     execution->source = instance->second->source;
                   }
                   AddOpen(std::move(execution));
                   return {};
                 });
}

}  // namespace mesg::engine
