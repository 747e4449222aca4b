#include "broker/history.h"

#include <algorithm>
#include <memory>

#include "engine/keys.h"
#include "engine/stored.h"

namespace mesg::broker {
namespace {

namespace keys = engine::keys;

/// Walks block by block, or, where every filter names service and key, only through the blocks that
/// the index names.
class BlockCursor {
 public:
  BlockCursor(const store::Store& store, const std::vector<Filter>& filters) : store_(store) {
    blocks_ = store.Read(keys::HistoryBegin(), keys::HistoryEnd());
    constexpr std::size_t kMostIndexes = 16;
    const bool indexed = !filters.empty() && filters.size() <= kMostIndexes &&
                         std::ranges::all_of(filters, [](const Filter& filter) {
                           return !filter.name.empty() && !filter.key.empty();
                         });
    if (!indexed) return;
    for (const Filter& filter : filters) {
      Index index;
      index.prefix = keys::PostingsPrefix(filter.name, filter.results, filter.key);
      index.cursor = store.Read(index.prefix, keys::After(index.prefix));
      indexes_.push_back(std::move(index));
    }
  }

  /// To the block that holds `sequence` or the first behind it.
  void Seek(std::uint64_t sequence) {
    // The block that holds it begins at or before it.
    blocks_->SeekForPrev(keys::History(sequence));
    const std::uint64_t first = blocks_->Valid() ? keys::HistorySequence(blocks_->Key()) : 0;
    if (!blocks_->Valid()) blocks_->Seek(keys::HistoryBegin());
    for (Index& index : indexes_) index.cursor->Seek(index.prefix + keys::History(first).substr(1));
    if (!indexes_.empty()) FollowIndexes();
  }

  /// To the block that holds `sequence` or the last before it.
  void SeekBack(std::uint64_t sequence) {
    blocks_->SeekForPrev(keys::History(sequence));
    if (indexes_.empty() || !blocks_->Valid()) return;
    const std::uint64_t first = keys::HistorySequence(blocks_->Key());
    for (Index& index : indexes_)
      index.cursor->SeekForPrev(index.prefix + keys::History(first).substr(1));
    FollowIndexesBack();
  }

  bool Valid() const { return blocks_->Valid(); }
  std::string_view Value() const { return blocks_->Value(); }

  void Next() {
    if (indexes_.empty()) {
      blocks_->Next();
      return;
    }
    const std::uint64_t here = keys::HistorySequence(blocks_->Key());
    for (Index& index : indexes_) {
      if (index.cursor->Valid() && First(index) == here) index.cursor->Next();
    }
    FollowIndexes();
  }

  void Prev() {
    if (indexes_.empty()) {
      blocks_->Prev();
      return;
    }
    const std::uint64_t here = keys::HistorySequence(blocks_->Key());
    for (Index& index : indexes_) {
      if (index.cursor->Valid() && First(index) == here) index.cursor->Prev();
    }
    FollowIndexesBack();
  }

  Result<void> Status() const {
    for (const Index& index : indexes_) MESG_TRY(index.cursor->Status());
    return blocks_->Status();
  }

 private:
  struct Index {
    std::string prefix;
    std::unique_ptr<store::Cursor> cursor;
  };
  static std::uint64_t First(const Index& index) {
    return keys::HistorySequence(
        std::string("h").append(index.cursor->Key().substr(index.prefix.size())));
  }
  void GoTo(std::optional<std::uint64_t> first) {
    // Past every block: invalid.
    blocks_->Seek(first ? keys::History(*first) : keys::HistoryEnd());
  }
  void FollowIndexes() {
    std::optional<std::uint64_t> first;
    for (const Index& index : indexes_) {
      if (index.cursor->Valid() && (!first || First(index) < *first)) first = First(index);
    }
    GoTo(first);
  }
  void FollowIndexesBack() {
    std::optional<std::uint64_t> first;
    for (const Index& index : indexes_) {
      if (index.cursor->Valid() && (!first || First(index) > *first)) first = First(index);
    }
    GoTo(first);
  }

  const store::Store& store_;
  std::unique_ptr<store::Cursor> blocks_;
  std::vector<Index> indexes_;
};

/// Shows an entry to `visit`, unless it fits none of `filters`; adds the size of the execution it
/// had to read to `bytes`.
Result<Walk> Show(const store::Store& store, const HistoryEntry& entry,
                  const std::vector<Filter>& filters, const Visit& visit, std::size_t& bytes) {
  engine::ExecutionPtr result;
  bool read = false;
  for (const Filter& filter : filters) {
    if (filter.results != entry.IsResult()) continue;
    if (!filter.name.empty() && filter.name != entry.source->name) continue;
    if (!filter.key.empty() && filter.key != entry.key) continue;
    if (entry.IsResult() && !read) {
      result = MESG_TRY(ReadExecution(store, entry.execution));
      read = true;
      if (result != nullptr) bytes += SizeOf(*result);
    }
    if (entry.IsResult() && (result == nullptr || !result->outcome)) return Walk::kOn;
    if (filter.MatchesRest(entry, result.get())) return visit(entry, result);
  }
  return Walk::kOn;
}

}  // namespace

Result<HistoryRead> ReadHistory(const store::Store& store, const HistoryRange& range,
                                const std::vector<Filter>& filters, std::size_t max_bytes,
                                const Visit& visit) {
  BlockCursor cursor(store, filters);
  HistoryRead read{range.from, false};
  std::size_t bytes = 0;
  for (cursor.Seek(range.from); cursor.Valid(); cursor.Next()) {
    if (bytes >= max_bytes) return read;
    const HistoryBlock block = MESG_TRY(DecodeHistoryBlock(cursor.Value()));
    if (range.before && block.recorded >= *range.before) break;
    for (const HistoryEntry& entry : block.entries) {
      if (entry.sequence < range.from) continue;
      if (bytes >= max_bytes) return read;
      read.next = entry.sequence + 1;
      if (range.after && block.recorded < *range.after) continue;
      const Walk walk = MESG_TRY(Show(store, entry, filters, visit, bytes));
      if (walk == Walk::kStopBefore) read.next = entry.sequence;
      if (walk != Walk::kOn) return read;
    }
    bytes += cursor.Value().size();
  }
  MESG_TRY(cursor.Status());
  read.at_end = true;
  return read;
}

Result<HistoryRead> ReadHistoryBackwards(const store::Store& store, const HistoryRange& range,
                                         const std::vector<Filter>& filters, std::size_t max_bytes,
                                         const Visit& visit) {
  BlockCursor cursor(store, filters);
  HistoryRead read{range.from, false};
  std::size_t bytes = 0;
  for (cursor.SeekBack(range.from); cursor.Valid(); cursor.Prev()) {
    if (bytes >= max_bytes) return read;
    const HistoryBlock block = MESG_TRY(DecodeHistoryBlock(cursor.Value()));
    if (range.after && block.recorded < *range.after) break;
    for (auto entry = block.entries.rbegin(); entry != block.entries.rend(); ++entry) {
      if (entry->sequence > range.from) continue;
      if (bytes >= max_bytes) return read;
      read.next = entry->sequence - 1;
      if (range.before && block.recorded >= *range.before) continue;
      const Walk walk = MESG_TRY(Show(store, *entry, filters, visit, bytes));
      if (walk == Walk::kStopBefore) read.next = entry->sequence;
      if (walk != Walk::kOn) return read;
    }
    bytes += cursor.Value().size();
  }
  MESG_TRY(cursor.Status());
  read.at_end = true;
  return read;
}

Result<std::uint64_t> OldestSequence(const store::Store& store) {
  const auto stored = MESG_TRY(store.Get(keys::Partition()));
  if (!stored) return std::uint64_t{1};
  const engine::Counters counters = MESG_TRY(engine::DecodeCounters(*stored));
  return counters.oldest_sequence;
}

Result<std::shared_ptr<Execution>> ReadExecution(const store::Store& store, const ExecutionId& id) {
  // It may be closed between two reads: then it is found at the third.
  for (const std::string& key :
       {keys::ClosedExecution(id), keys::OpenExecution(id), keys::ClosedExecution(id)}) {
    if (const auto stored = MESG_TRY(store.Get(key)))
      return std::make_shared<Execution>(MESG_TRY(DecodeExecution(*stored)));
  }
  return std::shared_ptr<Execution>();
}

namespace {

constexpr std::size_t kFixedSize = 512;  // Numbers, times, hashes, positions, what it waits for.

std::size_t SizeOf(const Source& source) {
  return source.name.size() + source.service_hash.size() + source.instance_hash.size();
}

}  // namespace

std::size_t SizeOf(const HistoryEntry& entry) {
  return kFixedSize + SizeOf(*entry.source) + entry.key.size() + entry.data.size() +
         entry.id.size() + entry.traceparent.size();
}

std::size_t SizeOf(const Execution& execution) {
  constexpr std::size_t kFixedTag = 8;
  constexpr std::size_t kFixedAttempt = 64;
  std::size_t size = kFixedSize + SizeOf(*execution.source) + execution.task.size() +
                     execution.inputs.size() + execution.idempotency_key.size() +
                     execution.traceparent.size();
  for (const std::string& tag : execution.tags) size += kFixedTag + tag.size();
  for (const Attempt& attempt : execution.attempts)
    size += kFixedAttempt + attempt.reason.size() + attempt.worker.size();
  if (const auto& outcome = execution.outcome)
    size += outcome->output_key.size() + outcome->outputs.size() + outcome->error.size();
  return size;
}

}  // namespace mesg::broker
