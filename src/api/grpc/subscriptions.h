#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/events.pb.h"

namespace mesg::api {

using WireFilters = google::protobuf::RepeatedPtrField<v1::Filter>;

/// The filters of a listener. InvalidArgument when there are none; NotFound and the rest as
/// FromWire.
Result<std::vector<broker::Filter>> ReadFilters(const broker::Broker& broker,
                                                const WireFilters& filters);

/// What the broker keeps of a subscription's filters: equal for filters that mean the same.
std::string EncodeFilters(const WireFilters& filters);
/// The reverse. DataLoss for what EncodeFilters did not write.
Result<WireFilters> DecodeFilters(std::string_view stored);

/// The filters of a subscription that exists: a service that was deleted since matches again when
/// it is deployed again.
Result<std::vector<broker::Filter>> ReadStoredFilters(const broker::Broker& broker,
                                                      std::string_view stored);

Result<void> ToWire(const broker::Broker& broker, const engine::Subscription& subscription,
                    v1::Subscription& wire);

}  // namespace mesg::api
