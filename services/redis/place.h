#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesg/event.h"
#include "redis/connection.h"

namespace mesg::services::redis {

/// Where in a stream we are; kept in Core.
struct Place {
  std::string id = "0-0";   ///< Of the last entry that was read.
  std::int64_t added = -1;  ///< How many had been added with it; -1 where Redis cannot say.

  std::string ToJson() const;
  static Result<Place> FromJson(std::string_view json);
};

/// A stream at one moment, and what in it follows our place.
struct Snapshot {
  std::int64_t length = 0;
  std::int64_t added = -1;  ///< In its whole life; -1 before Redis 7.
  std::string first;        ///< Id of the oldest entry; "" when there is none.
  std::string last;         ///< Id of the newest, even when it has left.
  struct Entry {
    std::string id;
    std::int64_t bytes = 0;
    std::vector<std::string> parts;  ///< Name, value, name, ...; empty when that was too much.
  };
  std::vector<Entry> entries;

  /// Asks for the stream at `after`, with at most `count` entries and about `bytes` of them.
  static Command Ask(const std::string& stream, const std::string& after, int count,
                     std::size_t bytes);
  /// Nothing when there is no such stream. Internal when it is not the answer to Ask.
  static Result<std::optional<Snapshot>> Read(const Reply& reply);
};

/// What happened to entries that we have not read. `lost` is unknown where Redis cannot say.
struct Gap {
  bool replaced = false;  ///< The stream was deleted and begun again.
  std::optional<std::int64_t> lost;
};

/// Whether entries between `place` and those of `snapshot` are gone, and, when they are, moves
/// `place` over them. Before Redis 7 that is only a guess, made when `beginning` is true.
std::optional<Gap> FindGap(Place& place, const Snapshot& snapshot, bool beginning);

/// The place behind the first `count` entries of `snapshot`.
Place PlaceAfter(const Place& place, const Snapshot& snapshot, std::size_t count);

/// Event `entry`; its id for deduplication is the stream and the entry's id.
sdk::Event EntryEvent(const std::string& stream, const Snapshot::Entry& entry);
/// Event `gap` of a stream.
sdk::Event GapEvent(const std::string& stream, const std::string& after, const Gap& gap);

}  // namespace mesg::services::redis
