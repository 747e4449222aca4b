#include "nats/presence.h"

#include <chrono>

#include "nats/handles.h"

namespace mesg::services::nats {

Result<void> WatchServer(const Config& config, Upkeep::Session& session) {
  constexpr std::chrono::seconds kPause{5};
  constexpr std::int64_t kPatienceMs = 5'000;
  const ConnectionHandle connection = MESG_TRY(Connect(config));
  session.Up();
  while (session.Pause(kPause)) {
    const natsStatus status = natsConnection_FlushTimeout(connection.get(), kPatienceMs);
    if (status != NATS_OK) return Failed(status, "the connection was lost");
  }
  return {};
}

}  // namespace mesg::services::nats
