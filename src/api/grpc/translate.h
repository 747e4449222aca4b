#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/events.pb.h"
#include "mesg/v1/executions.pb.h"
#include "mesg/v1/types.pb.h"
#include "mesg/v1/worker.pb.h"
#include "model/event.h"
#include "model/execution.h"

/// Between the model and `mesg.v1`. ToWire fills a message that is empty; FromWire says what is
/// wrong with one, and takes payloads out of it (it may be used no more). Any thread.
namespace mesg::api {

// ---- To the wire ----

v1::ExecutionState ToWire(ExecutionState state);
v1::Effect ToWire(Effect effect);
void ToWire(const RetryPolicy& policy, v1::RetryPolicy& wire);
void ToWire(const Source& source, v1::Source& wire);
void ToWire(const Outcome& outcome, v1::Outcome& wire);
/// An event; its `position` is left to the caller.
void ToWire(const HistoryEntry& event, v1::Event& wire);
/// With or without the inputs; `position` of the result and what it waits for are left to the
/// caller.
void ToWire(const Execution& execution, bool with_inputs, v1::Execution& wire);
/// All of it.
void ToWire(const broker::Broker& broker, const broker::ExecutionView& view, v1::Execution& wire);
void ToWire(const broker::Broker& broker, const Execution& execution, v1::Execution& wire);
/// The answer to an emit of `instance`.
void ToWire(const broker::Broker& broker, const std::string& instance_name,
            const engine::Emitted& emitted, v1::EmitResponse& wire);
void ToWire(const broker::KeyValue& value, v1::KeyValue& wire);

/// What an event is called whose caller gave it no id: the same at every reading.
std::string MadeEventId(const HistoryEntry& event);

/// The position of something of `instance_name`, appended: cheap where there is one partition.
void AppendPosition(const broker::Broker& broker, const std::string& instance_name,
                    std::uint64_t sequence, std::string& into);

// ---- From the wire ----

Result<std::vector<engine::NewEvent>> FromWire(
    google::protobuf::RepeatedPtrField<v1::EventToEmit>& events);
Result<std::vector<engine::KeyMove>> FromWire(
    google::protobuf::RepeatedPtrField<v1::KeyChange>& changes);
Result<broker::ExecutionRequest> FromWire(const broker::Broker& broker,
                                          v1::CreateExecutionRequest& request);
Result<broker::DeliveryAnswer> FromWire(v1::Answer& answer);
/// NotFound for a service, event, task or output that does not exist; `path` begins the field paths
/// of its errors: "filters[2]".
Result<broker::Filter> FromWire(const broker::Broker& broker, const v1::Filter& filter,
                                std::string_view path);
Result<std::vector<Predicate>> FromWire(
    const google::protobuf::RepeatedPtrField<v1::Predicate>& predicates, std::string_view path);
Result<ExecutionState> FromWire(v1::ExecutionState state);

/// A time of the wire; InvalidArgument before the epoch or after the year 9999. 0 is the epoch,
/// "not set".
Result<TimePoint> TimeFromWire(std::int64_t micros, std::string_view field);
/// A duration of the wire, 0 to 100 years.
Result<Duration> DurationFromWire(std::int64_t micros, std::string_view field);

}  // namespace mesg::api
