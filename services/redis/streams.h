#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "redis/config.h"
#include "redis/connection.h"
#include "redis/place.h"

namespace mesg::services::redis {

/// Reads streams and emits their entries, each with its place in one commit.
///
/// Threads: that of the sessions. Lifetime: borrows both.
class Streams {
 public:
  Streams(sdk::Service& service, const Config& config);

  /// The life of one connection, for Upkeep. Without streams it only makes sure that Redis is
  /// there.
  Result<void> Run(Upkeep::Session& session);

 private:
  struct Stream {
    std::string name;
    Position position;
    Place place = {};
    bool beginning = true;  ///< Nothing was read yet by this connection.
  };

  Result<void> Begin(Connection& connection, Stream& stream, Upkeep::Session& session);
  Result<void> CatchUp(Connection& connection, Stream& stream, Upkeep::Session& session);
  Result<void> Take(Stream& stream, const Snapshot& snapshot, Upkeep::Session& session);
  Result<std::set<std::string>> Wait(Connection& connection, Upkeep::Session& session);

  const Config& config_;
  std::vector<Stream> streams_;
};

}  // namespace mesg::services::redis
