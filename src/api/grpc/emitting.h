#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/events.pb.h"

namespace mesg::api {

/// Emits what `request` asks for, as `instance`; takes the payloads out of it. `reply` as
/// Broker::Emit's. Returns the bytes of the payloads.
std::size_t EmitFor(broker::Broker& broker, const broker::InstancePtr& instance,
                    v1::EmitRequest& request, broker::Broker::Reply<engine::Emitted> reply);

/// Outcomes of requests that end in any order and are answered in the order they came. Not
/// thread-safe.
class EmitQueue {
 public:
  using Outcome = Result<engine::Emitted>;

  /// A request came; names it.
  std::uint64_t Open() {
    waiting_.emplace_back();
    return first_ + waiting_.size() - 1;
  }
  void Close(std::uint64_t request, Outcome outcome) {
    waiting_[request - first_] = std::move(outcome);
  }
  /// The next outcome whose turn it is.
  std::optional<Outcome> Take() {
    if (waiting_.empty() || !waiting_.front()) return std::nullopt;
    std::optional<Outcome> next = std::move(waiting_.front());
    waiting_.pop_front();
    ++first_;
    return next;
  }
  std::size_t size() const { return waiting_.size(); }

 private:
  std::deque<std::optional<Outcome>> waiting_;
  std::uint64_t first_ = 0;
};

/// Answers one request.
void ToWire(const broker::Broker& broker, const broker::InstancePtr& instance,
            const EmitQueue::Outcome& outcome, v1::EmitResponse& wire);

}  // namespace mesg::api
