#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "nats/config.h"

namespace mesg::services::nats {

/// Hears subjects. NATS keeps nothing for who is away: the time of the last sign of life is kept in
/// Core, and a connection after the first begins with the event `gap`.
///
/// Threads: that of the sessions, and the library's, which bring messages. Lifetime: borrows both,
/// and lives until the library has ended (nats_CloseAndWait).
class Subjects {
 public:
  Subjects(sdk::Service& service, const Config& config);
  ~Subjects();

  /// The life of one connection, for Upkeep.
  Result<void> Run(Upkeep::Session& session);

 private:
  struct Reach;  // The connection and its subscriptions.

  Result<void> Subscribe(Reach& reach);
  Result<void> Listen(Reach& reach, Upkeep::Session& session);
  Result<void> TellGap(Upkeep::Session& session);
  std::vector<sdk::Event> Take();
  void Put(sdk::Event event);
  sdk::Event GapEvent(const char* kind, const std::string& since, std::int64_t lost) const;

  const Config& config_;
  Position position_;
  TimePoint alive_ = {};  ///< When the connection last stood, if it ever did in this process.

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<sdk::Event> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool open_ = false;     ///< What comes is wanted.
  bool dropped_ = false;  ///< The library says that it drops what comes.
  const std::function<void(int)> on_error_;
};

}  // namespace mesg::services::nats
