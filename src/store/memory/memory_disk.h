#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/store.h"

namespace mesg::store::memory {

/// What survives a crash: the committed state of any number of partitions. A MemoryStore is opened
/// on one partition of it, and a new one after each crash.
///
/// Threads: any; the state is guarded. Lifetime: must outlive its stores.
class MemoryDisk {
 public:
  MemoryDisk() = default;
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  /// Of the last commit that is durable in `partition`, 0 when there is none.
  std::uint64_t LastSequence(std::uint16_t partition) const;

  /// Everything that is durable in `partition`, to compare with a model.
  std::map<std::string, std::string> Contents(std::uint16_t partition) const;

 private:
  friend class MemoryStore;
  friend class MemoryCursor;

  /// std::less<> finds by string_view.
  using Map = std::map<std::string, std::string, std::less<>>;

  struct Partition {
    mutable std::mutex mutex;
    /// Copied before a change while a cursor still looks at it.
    std::shared_ptr<Map> map = std::make_shared<Map>();
    std::uint64_t last_sequence = 0;
    std::uint64_t torn_bytes = 0;  ///< Left by a crash; the next store cuts and reports them.
    bool open = false;

    void Apply(std::uint64_t sequence, const Batch& batch);
  };

  Partition& At(std::uint16_t partition) const;

  mutable std::mutex mutex_;
  mutable std::map<std::uint16_t, Partition> partitions_;
};

}  // namespace mesg::store::memory
