#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "base/result.h"
#include "broker/catalog.h"
#include "broker/filter.h"
#include "broker/sinks.h"
#include "classic/core.pb.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc
namespace mesg::broker {
class Broker;
}  // namespace mesg::broker

/// What requests say, checked, and what happened, in the messages of 2018.
namespace mesg::api::classic {

namespace wire = ::api;

/// What one event's data, inputs or outputs may have, so that the message around them stays within
/// what clients of 2018 take.
inline constexpr std::size_t kPayloadBytes = (4 << 20) - (64 << 10);

/// InvalidArgument that names the first field that is not UTF-8.
Result<void> CheckTexts(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
/// InvalidArgument, PAYLOAD_TOO_LARGE, above kPayloadBytes. `what`: "the event's data".
Result<void> CheckPayload(std::string_view what, std::string_view payload);

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts);

/// What the request listens for. NotFound for a service, event, task or output that does not exist;
/// an output without a task is looked for in all of them.
Result<broker::Filter> FilterOf(const broker::Broker& broker,
                                const wire::ListenEventRequest& request);
Result<broker::Filter> FilterOf(const broker::Broker& broker,
                                const wire::ListenResultRequest& request);

wire::EventData EventMessage(const broker::Item& item);
wire::ResultData ResultMessage(const broker::Item& item);

/// Who a call comes from, as the attempts of an execution show it.
std::string WorkerName(const grpc::ServerContextBase& context);

}  // namespace mesg::api::classic
