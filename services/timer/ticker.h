#pragma once

#include <stop_token>
#include <thread>
#include <vector>

#include "mesg/service.h"
#include "timer/ticks.h"

namespace mesg::services::timer {

/// Emits `tick` when a time has come, on a thread of its own. The last time of each tick is kept in
/// the instance's store and moves in the commit of its event: a crash neither repeats a tick nor
/// loses one that `latest` would make up for.
///
/// Lifetime: borrows `service`; destroyed before it.
class Ticker {
 public:
  enum class Missed { kLatest, kSkip };

  Ticker(sdk::Service& service, std::vector<Tick> ticks, Missed missed);

 private:
  void Loop(const std::stop_token& stop);

  sdk::Service& service_;
  const std::vector<Tick> ticks_;
  const Missed missed_;
  std::jthread thread_;  // Last.
};

}  // namespace mesg::services::timer
