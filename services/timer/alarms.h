#pragma once

#include <stop_token>
#include <thread>
#include <vector>

#include "mesg/service.h"
#include "timer/pending.h"

namespace mesg::services::timer {

/// Emits `fired` for timers that are due, and removes them in the same commit, on a thread of its
/// own. It begins with what the store holds: those that came due while nobody was here fire at
/// once.
///
/// Lifetime: borrows both; destroyed before them.
class Alarms {
 public:
  Alarms(sdk::Service& service, Pending& pending);

 private:
  void Loop(const std::stop_token& stop);
  /// Fills `pending_` from the store, page by page.
  Result<void> Load(const std::stop_token& stop);
  /// Those of `due` that are still in the store; another call takes what was too much for one
  /// commit. Tried again while Core cannot take it.
  void Fire(std::vector<Pending::Entry> due, const std::stop_token& stop);
  Result<void> Commit(std::vector<Pending::Entry>& due);

  sdk::Service& service_;
  Pending& pending_;
  std::jthread thread_;  // Last.
};

}  // namespace mesg::services::timer
