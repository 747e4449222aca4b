#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

namespace mesg::broker {

/// What a page of a list has room for: so many items and bytes, and its first item whatever its
/// size.
class PageRoom {
 public:
  PageRoom(std::size_t items, std::size_t bytes) : items_(items), bytes_(bytes) {}
  /// Whether an item of this size was still taken in.
  bool Take(std::size_t bytes) {
    const bool first = std::exchange(first_, false);
    if (!first && (items_ == 0 || bytes > bytes_)) return false;
    --items_;
    bytes_ -= std::min(bytes, bytes_);
    return true;
  }
  bool Full() const { return items_ == 0; }

 private:
  std::size_t items_;
  std::size_t bytes_;
  bool first_ = true;
};

}  // namespace mesg::broker
