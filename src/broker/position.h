#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::broker {

/// A point in the history of every partition: everything up to and including these sequences is
/// behind it. Its text is opaque to users and stable: "17", or "17.4.90" with three partitions.
/// That of an event's position also says which partition's: "17.4.90/1" is of the one with
/// sequence 4.
class Position {
 public:
  /// The beginning: nothing is behind it.
  explicit Position(std::size_t partitions = 1) : sequences_(partitions, 0) {}

  /// InvalidArgument for text that is no position of a Core with so many partitions. "0" is the
  /// beginning for any number of them.
  static Result<Position> Parse(std::string_view text, std::size_t partitions);
  std::string Text() const;
  /// As the position of the entry it has of `partition`.
  std::string EntryText(std::size_t partition) const;
  /// Where the entry is whose EntryText is `text`.
  struct Entry {
    std::size_t partition = 0;
    std::uint64_t sequence = 0;
  };
  static Result<Entry> ParseEntry(std::string_view text, std::size_t partitions);

  std::uint64_t At(std::size_t partition) const { return sequences_[partition]; }
  void Set(std::size_t partition, std::uint64_t sequence) { sequences_[partition] = sequence; }
  std::size_t Partitions() const { return sequences_.size(); }
  bool operator==(const Position&) const = default;

 private:
  std::vector<std::uint64_t> sequences_;
};

/// OutOfRange: what is wanted is no longer kept; names what is.
Error PositionTooOld(std::uint64_t wanted, std::uint64_t oldest);

}  // namespace mesg::broker
