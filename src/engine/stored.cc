#include "engine/stored.h"

#include <algorithm>

#include "mesg/stored/v1/records.pb.h"

namespace mesg::engine {
namespace {

namespace pb = mesg::stored::v1;

template <typename Message>
Result<Message> Parse(std::string_view bytes, std::string_view what) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DataLoss("a stored {} of {} bytes cannot be read: it is damaged or of a newer format",
                    what, bytes.size());
  }
  return message;
}

}  // namespace

std::string EncodeValue(std::string_view value, std::uint64_t version) {
  pb::KeyValue message;
  message.set_value(value.data(), value.size());
  message.set_version(version);
  return message.SerializeAsString();
}

Result<StoredValue> DecodeValue(std::string_view bytes) {
  auto message = MESG_TRY(Parse<pb::KeyValue>(bytes, "key-value pair"));
  return StoredValue{std::move(*message.mutable_value()), message.version()};
}

std::string EncodeRemembered(const Remembered& remembered) {
  pb::Remembered message;
  message.set_sequence(remembered.sequence);
  if (!remembered.execution.empty())
    message.set_execution(std::string(remembered.execution.Bytes()));
  message.set_fingerprint(remembered.fingerprint);
  message.set_expires_us(ToMicros(remembered.expires));
  return message.SerializeAsString();
}

Result<Remembered> DecodeRemembered(std::string_view bytes) {
  auto message = MESG_TRY(Parse<pb::Remembered>(bytes, "remembered id"));
  Remembered remembered{message.sequence(),
                        {},
                        std::move(*message.mutable_fingerprint()),
                        FromMicros(message.expires_us())};
  if (!message.execution().empty()) {
    const auto id = ExecutionId::FromBytes(message.execution());
    if (!id)
      return DataLoss("a remembered id names an execution of {} bytes, expected 16",
                      message.execution().size());
    remembered.execution = *id;
  }
  return remembered;
}

std::string EncodeExpiry(const std::vector<std::string>& storage_keys) {
  pb::Expiry message;
  for (const std::string& key : storage_keys) message.add_keys(key);
  return message.SerializeAsString();
}

Result<std::vector<std::string>> DecodeExpiry(std::string_view bytes) {
  auto message = MESG_TRY(Parse<pb::Expiry>(bytes, "expiry list"));
  return std::vector<std::string>(std::make_move_iterator(message.mutable_keys()->begin()),
                                  std::make_move_iterator(message.mutable_keys()->end()));
}

std::string EncodeInstance(const Instance& instance) {
  pb::Instance message;
  message.set_name(instance.source->name);
  message.set_sid(instance.sid);
  message.set_service_hash(instance.source->service_hash);
  message.set_instance_hash(instance.source->instance_hash);
  message.set_definition(instance.definition);
  for (const auto& [name, value] : instance.env) {
    auto* variable = message.add_env();
    variable->set_name(name);
    variable->set_value(value);
  }
  message.set_token(instance.token);
  message.set_state(static_cast<std::uint32_t>(instance.state));
  message.set_started(instance.started);
  message.set_deployed_us(ToMicros(instance.deployed));
  message.set_source(instance.origin);
  message.set_content_hash(instance.content_hash);
  message.set_keep_data(instance.keep_data);
  message.set_deferred_env(instance.deferred_env);
  return message.SerializeAsString();
}

Result<Instance> DecodeInstance(std::string_view bytes) {
  auto message = MESG_TRY(Parse<pb::Instance>(bytes, "instance"));
  if (message.name().empty() || message.instance_hash().empty() || message.state() < 1 ||
      message.state() > 3) {
    return DataLoss("a stored instance lacks its name, hash or state");
  }
  Instance instance;
  instance.source = std::make_shared<const Source>(
      Source{message.name(), message.service_hash(), message.instance_hash()});
  instance.sid = message.sid();
  instance.definition = message.definition();
  for (const pb::Variable& variable : message.env())
    instance.env[variable.name()] = variable.value();
  instance.token = message.token();
  instance.state = static_cast<Instance::State>(message.state());
  instance.started = message.started();
  instance.deployed = FromMicros(message.deployed_us());
  instance.origin = message.source();
  instance.content_hash = message.content_hash();
  instance.keep_data = message.keep_data();
  instance.deferred_env = std::move(*message.mutable_deferred_env());
  return instance;
}

std::string EncodeSubscription(const Subscription& subscription) {
  pb::Subscription message;
  message.set_name(subscription.name);
  message.set_filters(subscription.filters);
  for (const auto& [partition, sequence] : subscription.acknowledged) {
    auto* place = message.add_acknowledged();
    place->set_partition(partition);
    place->set_sequence(sequence);
  }
  message.set_created_us(ToMicros(subscription.created));
  message.set_broken(subscription.broken);
  message.set_broken_reason(subscription.broken_reason);
  return message.SerializeAsString();
}

Result<Subscription> DecodeSubscription(std::string_view bytes) {
  auto message = MESG_TRY(Parse<pb::Subscription>(bytes, "subscription"));
  Subscription subscription{
      message.name(),   message.filters(),      {}, FromMicros(message.created_us()),
      message.broken(), message.broken_reason()};
  if (subscription.name.empty()) return DataLoss("a stored subscription has no name");
  for (const pb::Place& place : message.acknowledged())
    subscription.acknowledged[static_cast<PartitionId>(place.partition())] = place.sequence();
  return subscription;
}

std::string EncodeHold(const StoredHold& hold) {
  pb::Hold message;
  message.set_sequence(hold.sequence);
  message.set_broken(hold.broken);
  return message.SerializeAsString();
}

Result<StoredHold> DecodeHold(std::string_view bytes) {
  const auto message = MESG_TRY(Parse<pb::Hold>(bytes, "hold"));
  return StoredHold{message.sequence(), message.broken()};
}

std::string EncodePostings(const std::vector<std::uint32_t>& offsets) {
  pb::Postings message;
  message.mutable_offsets()->Add(offsets.begin(), offsets.end());
  return message.SerializeAsString();
}

Result<std::vector<std::uint32_t>> DecodePostings(std::string_view bytes) {
  const auto message = MESG_TRY(Parse<pb::Postings>(bytes, "index entry"));
  return std::vector<std::uint32_t>(message.offsets().begin(), message.offsets().end());
}

std::string EncodeNumber(std::uint64_t number) {
  pb::Hold message;
  message.set_sequence(number);
  return message.SerializeAsString();
}

Result<std::uint64_t> DecodeNumber(std::string_view bytes) {
  const auto message = MESG_TRY(Parse<pb::Hold>(bytes, "message number"));
  return message.sequence();
}

std::string EncodeCounters(const Counters& counters, TimePoint decided) {
  pb::PartitionState message;
  message.set_next_sequence(counters.next_sequence);
  message.set_oldest_sequence(counters.oldest_sequence);
  message.set_next_created_number(counters.next_created_number);
  message.set_history_bytes(counters.history_weight);
  message.set_next_version(counters.next_version);
  message.set_next_run_number(counters.next_run_number);
  message.set_open_runs(counters.open_runs);
  message.set_decided_us(ToMicros(decided));
  return message.SerializeAsString();
}

Result<Counters> DecodeCounters(std::string_view bytes) {
  const auto message = MESG_TRY(Parse<pb::PartitionState>(bytes, "partition state"));
  // What was written before there were runs has no number of them.
  return Counters{message.next_sequence(),
                  message.oldest_sequence(),
                  message.next_created_number(),
                  message.history_bytes(),
                  message.next_version(),
                  std::max<std::uint64_t>(message.next_run_number(), 1),
                  message.open_runs()};
}

Result<TimePoint> DecodeDecided(std::string_view bytes) {
  return FromMicros(MESG_TRY(Parse<pb::PartitionState>(bytes, "partition state")).decided_us());
}

}  // namespace mesg::engine
