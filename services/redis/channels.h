#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "redis/config.h"
#include "redis/connection.h"

namespace mesg::services::redis {

/// Hears channels. Redis keeps nothing for who is away: the time of the last sign of life is kept
/// in Core, and a connection after the first begins with the event `gap`.
///
/// Threads: that of the sessions. Lifetime: borrows both.
class Channels {
 public:
  Channels(sdk::Service& service, const Config& config);

  /// The life of one connection, for Upkeep.
  Result<void> Run(Upkeep::Session& session);

 private:
  Result<void> Subscribe(Connection& connection, Upkeep::Session& session);
  Result<void> TellGap(Upkeep::Session& session);
  Result<void> Listen(Connection& connection, Upkeep::Session& session);

  const Config& config_;
  Position position_;
  TimePoint alive_ = {};  ///< When the connection last stood, if it ever did in this process.
};

}  // namespace mesg::services::redis
