#include "engine/overlay.h"

#include <utility>

namespace mesg::engine {

Result<std::optional<std::string>> Overlay::Get(const std::string& key) const {
  if (const auto found = values_.find(key); found != values_.end()) return found->second.value;
  for (const Range& gone : ranges_) {
    if (key >= gone.range.from && key < gone.range.to) return std::optional<std::string>();
  }
  return store_.Get(key);
}

void Overlay::Put(std::string key, std::string value) {
  batch_.Put(key, value);
  keys_.push_back(key);
  values_.insert_or_assign(std::move(key), Value{taken_ + 1, std::move(value)});
}

void Overlay::Delete(std::string key) {
  batch_.Delete(key);
  keys_.push_back(key);
  values_.insert_or_assign(std::move(key), Value{taken_ + 1, std::nullopt});
}

void Overlay::DeleteRange(keys::Range range) {
  batch_.DeleteRange(range.from, range.to);
  std::erase_if(values_, [&](const auto& value) {
    return value.first >= range.from && value.first < range.to;
  });
  ranges_.push_back({taken_ + 1, std::move(range)});
}

store::Batch Overlay::Take() {
  uncommitted_.push_back({++taken_, std::exchange(keys_, {})});
  return std::exchange(batch_, {});
}

void Overlay::Committed(std::uint64_t commit) {
  std::erase_if(ranges_, [&](const Range& gone) { return gone.commit <= commit; });
  while (!uncommitted_.empty() && uncommitted_.front().commit <= commit) {
    const Keys done = std::move(uncommitted_.front());
    uncommitted_.erase(uncommitted_.begin());
    // A later commit may have changed the same key again; then it is still needed.
    for (const std::string& key : done.keys) {
      if (const auto found = values_.find(key);
          found != values_.end() && found->second.commit == done.commit) {
        values_.erase(found);
      }
    }
  }
}

}  // namespace mesg::engine
