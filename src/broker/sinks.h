#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/command.h"
#include "model/event.h"
#include "model/execution.h"

/// How the broker tells connections what happened. Implemented by the API.
///
/// Calls come from a thread of the broker, one at a time for one sink and partition; they must not
/// block and must not call back into the broker's blocking calls. References are valid for the
/// call.
namespace mesg::broker {

/// One hand-over of an attempt to a worker.
struct Delivery {
  std::string_view id;         ///< Secret and unguessable; what an answer names.
  const Execution& execution;  ///< Id, task, inputs, tags, traceparent.
  std::uint32_t attempt = 1;
  TimePoint deadline{};  ///< When the attempt times out; epoch: never.
};

class WorkerSink {
 public:
  virtual ~WorkerSink() = default;
  virtual void Deliver(const Delivery& delivery) = 0;
  /// Stop working on it. Its credit comes back when the worker answers or refuses it all the same.
  virtual void Cancelled(std::string_view delivery_id, std::string_view reason) = 0;
  /// Nothing more will be delivered: the instance is being replaced or deleted.
  virtual void Drain() = 0;
  /// All that this turn had to say was said: send it in one message.
  virtual void Flush() = 0;
};

/// Waits for the ends of executions.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  /// It has its result, or its outcome became unknown. `execution` may be kept.
  virtual void Finished(std::uint64_t ref, const engine::ExecutionPtr& execution) = 0;
  virtual void Flush() = 0;
};

/// An event or a result of the history.
struct Item {
  const HistoryEntry& entry;
  engine::ExecutionPtr result;  ///< Null for an event.
};

class ListenerSink {
 public:
  virtual ~ListenerSink() = default;
  /// `items` of one partition in order; everything up to `sequence` has been looked at, also when
  /// nothing of it matched.
  virtual void Push(engine::PartitionId partition, std::span<const Item> items,
                    std::uint64_t sequence) = 0;
  /// Any thread. False: push nothing now. When there is room again call Broker::Resume.
  virtual bool HasRoom() const = 0;
  /// The listener is over: its subscription broke, was deleted or taken over, or its position is
  /// gone.
  virtual void Fail(const Error& error) = 0;
};

}  // namespace mesg::broker
