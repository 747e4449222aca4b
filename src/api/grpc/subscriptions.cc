#include "api/grpc/subscriptions.h"

#include <utility>

#include "api/grpc/translate.h"

namespace mesg::api {

Result<std::vector<broker::Filter>> ReadFilters(const broker::Broker& broker,
                                                const WireFilters& filters) {
  if (filters.empty()) {
    return Error{Code::kInvalidArgument,
                 "a listener needs at least one filter; an empty one hears every event",
                 "FILTER_MISSING",
                 {{"filters", "expected at least one filter"}}};
  }
  std::vector<broker::Filter> read;
  for (const v1::Filter& filter : filters) {
    read.push_back(MESG_TRY(FromWire(broker, filter, fmt::format("filters[{}]", read.size()))));
  }
  return read;
}

std::string EncodeFilters(const WireFilters& filters) {
  v1::Subscription kept;
  for (const v1::Filter& filter : filters) {
    v1::Filter& added = *kept.add_filters();
    added = filter;
    if (added.kind() == v1::Filter::KIND_UNSPECIFIED) added.set_kind(v1::Filter::EVENTS);
    if (added.service() == "*") added.clear_service();
    if (added.key() == "*") added.clear_key();
    if (added.output_key() == "*") added.clear_output_key();
  }
  return kept.SerializeAsString();
}

Result<WireFilters> DecodeFilters(std::string_view stored) {
  v1::Subscription kept;
  if (!kept.ParseFromArray(stored.data(), static_cast<int>(stored.size()))) {
    return DataLoss("the filters of a subscription cannot be read");
  }
  return std::move(*kept.mutable_filters());
}

Result<std::vector<broker::Filter>> ReadStoredFilters(const broker::Broker& broker,
                                                      std::string_view stored) {
  const WireFilters filters = MESG_TRY(DecodeFilters(stored));
  std::vector<broker::Filter> read;
  for (const v1::Filter& filter : filters) {
    auto made = FromWire(broker, filter, "");
    if (!made) {
      if (made.error().code != Code::kNotFound) return std::move(made).error();
      broker::Filter gone;
      gone.results = filter.kind() == v1::Filter::RESULTS;
      gone.name = filter.service();
      gone.key = filter.key();
      gone.output_key = filter.output_key();
      gone.tags = {filter.tags().begin(), filter.tags().end()};
      gone.predicates = MESG_TRY(FromWire(filter.predicates(), ""));
      made = std::move(gone);
    }
    read.push_back(*std::move(made));
  }
  return read;
}

Result<void> ToWire(const broker::Broker& broker, const engine::Subscription& subscription,
                    v1::Subscription& wire) {
  wire.set_name(subscription.name);
  *wire.mutable_filters() = MESG_TRY(DecodeFilters(subscription.filters));
  const broker::Position acknowledged = broker.AcknowledgedOf(subscription);
  wire.set_acknowledged(acknowledged.Text());
  wire.set_broken(subscription.broken);
  wire.set_broken_reason(subscription.broken_reason);
  wire.set_connected(broker.IsConnected(subscription.name));
  wire.set_created_us(ToMicros(subscription.created));
  const broker::Position newest = broker.Newest();
  std::int64_t behind = 0;
  for (std::size_t partition = 0; partition < broker.Partitions(); ++partition) {
    if (newest.At(partition) > acknowledged.At(partition)) {
      behind += static_cast<std::int64_t>(newest.At(partition) - acknowledged.At(partition));
    }
  }
  wire.set_behind(behind);
  return {};
}

}  // namespace mesg::api
