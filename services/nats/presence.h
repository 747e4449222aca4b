#pragma once

#include "base/result.h"
#include "connector/upkeep.h"
#include "nats/config.h"

namespace mesg::services::nats {

/// The life of one connection, for Upkeep, of a service that only performs tasks: makes sure that
/// the server is there.
Result<void> WatchServer(const Config& config, Upkeep::Session& session);

}  // namespace mesg::services::nats
