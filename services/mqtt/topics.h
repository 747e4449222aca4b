#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "mqtt/client.h"
#include "mqtt/config.h"

namespace mesg::services::mqtt {

/// Hears topics, in a session that the broker keeps. A message is acknowledged to the broker once
/// Core has acknowledged its event: what a crash leaves in between comes again.
///
/// Threads: that of the sessions. Lifetime: borrows both.
class Topics {
 public:
  Topics(sdk::Service& service, const Config& config);

  /// The life of one connection, for Upkeep. Without topics it only makes sure that the broker is
  /// there.
  Result<void> Run(Upkeep::Session& session);

 private:
  Result<void> TellGap(bool known, Upkeep::Session& session);
  Result<void> Listen(Client& client);
  void Take(const Message& message);
  Result<void> Settle(const std::stop_token& stop);

  const Config& config_;
  Position position_;
  TimePoint alive_ = {};  ///< When the connection last stood, if it ever did in this process.
  std::vector<sdk::Event> arrived_;  ///< Not emitted yet, and not acknowledged to the broker.
};

}  // namespace mesg::services::mqtt
