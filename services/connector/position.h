#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesg/service.h"

namespace mesg::services {

/// The place in an outside stream up to which its events have been emitted: one key of the
/// instance's key-value store, moved in the same commit as the events it stands for. So no crash,
/// here, of Core or of the other side, skips events or emits them twice.
///
/// Threads: one. Lifetime: borrows `service`.
class Position {
 public:
  /// `key` names the stream, "stream/orders"; one service may have several.
  Position(sdk::Service& service, std::string key) : service_(service), key_(std::move(key)) {}

  /// As JSON; nothing when none was kept. Waits for Core while it is away; Cancelled through
  /// `stop`. To be called before Move, and again after an error of Move.
  Result<std::optional<std::string>> Load(const std::stop_token& stop);

  /// Emits `events` and moves to `json`, in one commit. Waits and tries again while Core is away or
  /// overloaded: backpressure, not loss. Cancelled through `stop`: whether it happened is known
  /// after the next Load. Aborted when another process of the instance has moved it: Load again.
  Result<void> Move(const std::vector<sdk::Event>& events, std::string json,
                    const std::stop_token& stop);

  /// What Load found or Move left.
  const std::optional<std::string>& Current() const { return current_; }

 private:
  sdk::Service& service_;
  const std::string key_;
  std::optional<std::string> current_;
  std::uint64_t version_ = 0;
};

}  // namespace mesg::services
