#include <algorithm>
#include <limits>
#include <utility>

#include "engine/engine.h"
#include "engine/keys.h"

namespace mesg::engine {
namespace {

// How much one Tick does, so that it never holds up the commands behind it for long.
constexpr std::size_t kForgetAtOnce = 4096;
constexpr std::size_t kTrimEntriesAtOnce = 8192;
constexpr std::size_t kForgetRunsAtOnce = 512;

}  // namespace

Result<Reply> Engine::On(Tick&&, TimePoint now) {
  if (last_tick_commit_ > state_.LastCommitted()) return Reply();
  const bool had_changes = state_.HasChanges();
  // A cursor that nothing wants to move holds back what is behind it.
  if (!Runs().Cursors().empty()) pump_ = true;
  MESG_TRY(ForgetExpired(now));
  MESG_TRY(TrimHistory(now));
  MESG_TRY(ForgetRuns(keys::Table::kEndedRun, now - settings_.run_retention));
  MESG_TRY(ForgetRuns(keys::Table::kEndedFailedRun, now - settings_.failed_run_retention));
  if (had_changes || state_.HasChanges()) last_tick_commit_ = state_.LastCommit() + 1;
  return Reply();
}

Result<void> Engine::ForgetExpired(TimePoint now) {
  const keys::Range range = keys::All(keys::Table::kExpiry);
  const auto cursor = state_.Storage().Read(range.from, range.to);
  std::size_t forgotten = 0;
  for (cursor->Seek(range.from); cursor->Valid() && forgotten < kForgetAtOnce; cursor->Next()) {
    if (keys::ExpiryTime(cursor->Key()) > now) break;
    IdsForgotten record{std::string(cursor->Key()), {}};
    const std::vector<std::string> listed = MESG_TRY(DecodeExpiry(cursor->Value()));
    forgotten += listed.size() + 1;
    for (const std::string& key : listed) {
      // Deleted with its service and given again since: the newer one has its own time.
      const auto remembered = MESG_TRY(state_.FindRemembered(key));
      if (remembered && remembered->expires <= now) record.storage_keys.push_back(key);
    }
    Add(std::move(record));
  }
  return cursor->Status();
}

std::uint64_t Engine::HeldFrom() const {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [name, held] : state_.Holds()) {
    if (!held.broken) first = std::min(first, held.sequence);
  }
  for (const auto& [workflow, cursor] : Runs().Cursors()) {
    if (cursor.problem.empty()) first = std::min(first, cursor.next - 1);
  }
  return first;
}

Result<void> Engine::BreakHolds(std::uint64_t overweight) {
  // Only those that need something of the oldest block stand in the way.
  const auto cursor = state_.Storage().Read(keys::HistoryBegin(), keys::HistoryEnd());
  cursor->Seek(keys::HistoryBegin());
  if (!cursor->Valid()) return cursor->Status();
  const HistoryBlock oldest = MESG_TRY(DecodeHistoryBlock(cursor->Value()));
  std::vector<std::string> broken;
  for (const auto& [name, held] : state_.Holds()) {
    if (!held.broken && held.sequence + 1 < oldest.first + oldest.entries.size())
      broken.push_back(name);
  }
  // Workflows that are behind hold back what they have not looked at.
  std::vector<RunTable::WorkflowKey> behind;
  for (const auto& [workflow, place] : Runs().Cursors()) {
    if (place.problem.empty() && place.next < oldest.first + oldest.entries.size()) {
      behind.push_back(workflow);
    }
  }
  for (const auto& workflow : behind) {
    Add(CursorMoved{workflow.first, workflow.second, Runs().Cursors().at(workflow).next,
                    fmt::format("it held back {} bytes beyond the history that is kept, the limit "
                                "is {}; resume the application to go on with what is left",
                                overweight, settings_.hold_bytes)});
    pumped_.erase(workflow);
  }
  for (const std::string& name : broken) {
    Add(HoldPut{name, state_.Holds().at(name).sequence, true});
    SendTo(PartitionOf(SlotOf(SubscriptionPartitionKey(name)), settings_.partitions),
           HoldBroke{name,
                     fmt::format(
                         "it held back {} bytes beyond the history that is kept, the limit is {}; "
                         "delete it and create it anew",
                         overweight, settings_.hold_bytes)});
  }
  return {};
}

Result<void> Engine::TrimHistory(TimePoint now) {
  const Counters& numbers = state_.Numbers();
  const std::uint64_t overweight = numbers.history_weight > settings_.retention_bytes
                                       ? numbers.history_weight - settings_.retention_bytes
                                       : 0;
  if (overweight > settings_.hold_bytes) MESG_TRY(BreakHolds(overweight));
  const std::uint64_t held_from = HeldFrom();

  HistoryTrimmed record{numbers.oldest_sequence, 0, {}};
  const auto cursor = state_.Storage().Read(keys::HistoryBegin(), keys::HistoryEnd());
  std::size_t trimmed = 0;
  for (cursor->Seek(keys::HistoryBegin()); cursor->Valid() && trimmed < kTrimEntriesAtOnce;
       cursor->Next()) {
    const HistoryBlock block = MESG_TRY(DecodeHistoryBlock(cursor->Value()));
    const std::uint64_t next = block.first + block.entries.size();
    const bool too_old = now - block.recorded > settings_.retention_age;
    const bool too_much = numbers.history_weight - record.weight > settings_.retention_bytes;
    // A subscription needs everything behind what it has acknowledged.
    if ((!too_old && !too_much) || next - 1 > held_from) break;
    for (const HistoryEntry& entry : block.entries) {
      record.storage_keys.push_back(
          keys::Postings(entry.source->name, entry.IsResult(), entry.key, block.first));
      if (!entry.IsResult()) continue;
      const ExecutionPtr execution = MESG_TRY(state_.Find(entry.execution));
      // A dead letter stays until somebody has dealt with it.
      if (execution != nullptr && !execution->dead_letter) {
        record.storage_keys.push_back(keys::ClosedExecution(entry.execution));
      }
    }
    record.storage_keys.emplace_back(cursor->Key());
    record.weight += cursor->Value().size() + block.weight;
    record.oldest = next;
    trimmed += block.entries.size();
  }
  MESG_TRY(cursor->Status());
  if (record.oldest == numbers.oldest_sequence) return {};
  std::sort(record.storage_keys.begin(), record.storage_keys.end());
  record.storage_keys.erase(std::unique(record.storage_keys.begin(), record.storage_keys.end()),
                            record.storage_keys.end());
  Add(std::move(record));
  return {};
}

// The table is in the order in which they ended, so that only what is to be forgotten is read.
Result<void> Engine::ForgetRuns(keys::Table ended, TimePoint before) {
  const keys::Range range = keys::All(ended);
  const auto cursor = state_.Storage().Read(range.from, range.to);
  std::vector<RunPtr> old;
  for (cursor->Seek(range.from); cursor->Valid() && old.size() < kForgetRunsAtOnce;
       cursor->Next()) {
    const TimePoint time = FromMicros(static_cast<std::int64_t>(keys::NumberOf(cursor->Key())));
    if (time >= before) break;
    const auto id = keys::IdAtEnd(cursor->Key());
    if (!id) return DataLoss("a stored end of a run has a key of {} bytes", cursor->Key().size());
    const RunPtr run = MESG_TRY(Runs().Find(*id));
    // It goes on by a retry that is not durable yet.
    if (run == nullptr || !IsEnded(run->state) || run->ended != time) continue;
    old.push_back(run);
  }
  MESG_TRY(cursor->Status());
  for (const RunPtr& run : old) {
    Add(RunForgotten{run});
    ForgetIfUnused(run->application, run->version);
  }
  return {};
}

}  // namespace mesg::engine
