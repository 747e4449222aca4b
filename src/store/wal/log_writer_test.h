#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/wal/crc32c.h"
#include "store/wal/wal_inspector.h"

namespace mesg::store::wal {

/// Writes a log as RocksDB does, for tests.
class LogWriter {
 public:
  explicit LogWriter(std::uint64_t sequence = 7) : sequence_(sequence) {}

  /// A record of any contents.
  void Raw(std::string_view payload) {
    FillShortRest();
    begins_.push_back(file_.size());
    bool first = true;
    for (;;) {
      FillShortRest();
      const std::size_t room = kBlockBytes - file_.size() % kBlockBytes;
      const std::string_view part = payload.substr(0, room - 7);
      payload.remove_prefix(part.size());
      const bool last = payload.empty();
      Fragment(first ? (last ? 1 : 2) : (last ? 4 : 3), part);
      first = false;
      if (last) break;
    }
    ends_.push_back(file_.size());
  }

  /// A write batch of `count` changes.
  void Record(std::size_t bytes, std::uint64_t count = 1) {
    Raw(Number(sequence_, 8) + Number(count, 4) + std::string(bytes, 'x'));
    sequence_ += count;
  }

  static std::string Number(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
  }

  std::string file_;
  std::vector<std::size_t> begins_;  ///< Of each record.
  std::vector<std::size_t> ends_;
  std::uint64_t sequence_;

 private:
  void FillShortRest() {
    const std::size_t room = kBlockBytes - file_.size() % kBlockBytes;
    if (room < 7) file_.append(room, '\0');
  }
  void Fragment(char type, std::string_view payload) {
    const std::string typed = type + std::string(payload);
    file_ += Number(MaskCrc(Crc32c(typed)), 4) + Number(payload.size(), 2) + typed;
  }
};

}  // namespace mesg::store::wal
