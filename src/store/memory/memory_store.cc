#include "store/memory/memory_store.h"

#include <iterator>
#include <utility>

namespace mesg::store::memory {
namespace {

/// The same as the RocksDB store's, so that a test meets the limit the daemon has.
constexpr std::size_t kMaxBatchBytes = std::size_t{64} << 20;

/// SplitMix64: a good mix of a small seed, the same on every platform.
std::uint64_t Mix(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

/// Keeps the map it was made on; a commit meanwhile changes a copy.
class MemoryCursor final : public Cursor {
 public:
  MemoryCursor(MemoryDisk::Partition& disk, std::string_view from, std::string_view to)
      : disk_(disk) {
    const std::scoped_lock lock(disk_.mutex);
    map_ = disk_.map;
    begin_ = map_->lower_bound(from);
    end_ = to.empty() ? map_->end() : map_->lower_bound(to < from ? from : to);
    at_ = end_;
  }
  MemoryCursor(const MemoryCursor&) = delete;
  MemoryCursor& operator=(const MemoryCursor&) = delete;
  ~MemoryCursor() override {
    const std::scoped_lock lock(disk_.mutex);
    map_.reset();
  }

  bool Valid() const override { return at_ != end_; }
  std::string_view Key() const override { return at_->first; }
  std::string_view Value() const override { return at_->second; }
  void Next() override { ++at_; }
  void Prev() override { at_ = at_ == begin_ ? end_ : std::prev(at_); }
  void Seek(std::string_view key) override {
    at_ = map_->lower_bound(key);
    if (BeforeBegin()) at_ = begin_;
    if (PastEnd()) at_ = end_;
  }
  void SeekForPrev(std::string_view key) override {
    at_ = map_->upper_bound(key);
    if (PastEnd()) at_ = end_;
    at_ = at_ == begin_ || BeforeBegin() ? end_ : std::prev(at_);
  }
  Result<void> Status() const override { return {}; }

 private:
  bool BeforeBegin() const {
    return at_ != map_->end() && (begin_ == map_->end() || at_->first < begin_->first);
  }
  bool PastEnd() const {
    return end_ != map_->end() && (at_ == map_->end() || at_->first >= end_->first);
  }

  MemoryDisk::Partition& disk_;
  std::shared_ptr<const MemoryDisk::Map> map_;
  MemoryDisk::Map::const_iterator begin_;
  MemoryDisk::Map::const_iterator end_;
  MemoryDisk::Map::const_iterator at_;
};

Survivors Survivors::Choose(std::uint64_t seed, std::size_t unacknowledged) {
  std::uint64_t state = seed;
  const std::size_t count = Mix(state) % (unacknowledged + 1);
  return {count, count < unacknowledged && Mix(state) % 2 == 0};
}

MemoryStore::MemoryStore(MemoryDisk& disk, std::uint16_t partition, Completion completion)
    : disk_(disk.At(partition)), completion_(completion), max_batch_bytes_(kMaxBatchBytes) {
  const std::scoped_lock lock(disk_.mutex);
  MESG_CHECK(!disk_.open, "partition {} is open in another store", partition);
  disk_.open = true;
  recovered_ = {disk_.last_sequence, std::exchange(disk_.torn_bytes, 0)};
  last_sequence_ = recovered_.last_sequence;
}

MemoryStore::~MemoryStore() {
  const std::scoped_lock lock(disk_.mutex);
  disk_.open = false;
}

Result<std::optional<std::string>> MemoryStore::Get(std::string_view key) const {
  const std::scoped_lock lock(disk_.mutex);
  const auto at = disk_.map->find(key);
  if (at == disk_.map->end()) return std::optional<std::string>();
  return std::optional<std::string>(at->second);
}

std::unique_ptr<Cursor> MemoryStore::Read(std::string_view from, std::string_view to) const {
  return std::make_unique<MemoryCursor>(disk_, from, to);
}

void MemoryStore::Commit(std::uint64_t sequence, Batch batch, Done done) {
  if (crashed_) return;
  pending_.push_back({sequence, std::move(batch), std::move(done)});
  if (completion_ == Completion::kAtOnce) CompleteAtOnce();
}

void MemoryStore::CompleteAtOnce() {
  if (completing_) return;  // A `done` that commits: the loop further up takes it.
  completing_ = true;
  while (Step()) {
  }
  completing_ = false;
}

bool MemoryStore::Step() {
  if (stalled_ || crashed_ || pending_.empty()) return false;
  PendingCommit commit = std::move(pending_.front());
  pending_.pop_front();
  const Result<void> result = Complete(commit);
  const Done done = std::move(commit.done);
  if (done) done(result);
  return true;
}

std::size_t MemoryStore::StepAll() {
  std::size_t steps = 0;
  while (Step()) ++steps;
  return steps;
}

Result<void> MemoryStore::Complete(PendingCommit& commit) {
  if (failed_) return Annotate(*failed_, "an earlier commit failed");
  if (commit.sequence != last_sequence_ + 1) {
    failed_ = Aborted("commit {} does not follow commit {}: another writer was there",
                      commit.sequence, last_sequence_);
  } else if (commit.batch.bytes() > max_batch_bytes_) {
    failed_ = ResourceExhausted("a commit of {} bytes is above the store's limit of {}",
                                commit.batch.bytes(), max_batch_bytes_);
  } else if (fail_next_) {
    failed_ = std::exchange(fail_next_, std::nullopt);
    uncertain_.push_back({commit.sequence, std::move(commit.batch), nullptr});
    for (const PendingCommit& behind : pending_) {
      uncertain_.push_back({behind.sequence, behind.batch, nullptr});
    }
  }
  if (failed_) return *failed_;
  disk_.Apply(commit.sequence, commit.batch);
  last_sequence_ = commit.sequence;
  counters_.commits += 1;
  counters_.fsyncs += 1;
  counters_.bytes_written += commit.batch.bytes();
  return {};
}

void MemoryStore::FailNextCommit(Error error) { fail_next_ = std::move(error); }

void MemoryStore::Release() {
  stalled_ = false;
  if (completion_ == Completion::kAtOnce) CompleteAtOnce();
}

std::size_t MemoryStore::Crash(Survivors survivors) {
  MESG_CHECK(!crashed_, "a store crashes once");
  crashed_ = true;
  const std::deque<PendingCommit> fate = std::exchange(failed_ ? uncertain_ : pending_, {});
  pending_.clear();
  std::size_t survived = 0;
  for (const PendingCommit& commit : fate) {
    if (survived == survivors.count || commit.sequence != last_sequence_ + 1) break;
    disk_.Apply(commit.sequence, commit.batch);
    last_sequence_ = commit.sequence;
    survived += 1;
  }
  if (survivors.tear && survived < fate.size()) {
    const std::scoped_lock lock(disk_.mutex);
    disk_.torn_bytes = fate[survived].batch.bytes() / 2 + 1;
  }
  return survived;
}

}  // namespace mesg::store::memory
