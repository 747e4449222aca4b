#include "store/memory/memory_disk.h"

namespace mesg::store::memory {

std::uint64_t MemoryDisk::LastSequence(std::uint16_t partition) const {
  const Partition& at = At(partition);
  const std::scoped_lock lock(at.mutex);
  return at.last_sequence;
}

std::map<std::string, std::string> MemoryDisk::Contents(std::uint16_t partition) const {
  const Partition& at = At(partition);
  const std::scoped_lock lock(at.mutex);
  return {at.map->begin(), at.map->end()};
}

MemoryDisk::Partition& MemoryDisk::At(std::uint16_t partition) const {
  const std::scoped_lock lock(mutex_);
  return partitions_[partition];
}

void MemoryDisk::Partition::Apply(std::uint64_t sequence, const Batch& batch) {
  const std::scoped_lock lock(mutex);
  // Cursors let go under the same lock, so a count of one means nobody can be reading.
  if (map.use_count() > 1) map = std::make_shared<Map>(*map);
  batch.ForEach([this](Batch::Kind kind, std::string_view key, std::string_view value) {
    switch (kind) {
      case Batch::Kind::kPut: {
        const auto at = map->lower_bound(key);
        if (at != map->end() && at->first == key) {
          at->second = value;
        } else {
          map->emplace_hint(at, key, value);
        }
        break;
      }
      case Batch::Kind::kDelete:
        if (const auto at = map->find(key); at != map->end()) map->erase(at);
        break;
      case Batch::Kind::kDeleteRange:
        if (key < value) map->erase(map->lower_bound(key), map->lower_bound(value));
        break;
    }
  });
  last_sequence = sequence;
}

}  // namespace mesg::store::memory
