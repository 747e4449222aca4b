#include "model/event.h"

#include <limits>
#include <map>
#include <string_view>
#include <tuple>

#include "mesg/stored/v1/records.pb.h"
#include "model/stored_scratch.h"

namespace mesg {
namespace {

constexpr int kHighestField = stored::v1::HistoryBlock::kWeightFieldNumber;

/// Gives each source of a block its index in the block's table. Equal sources have one index,
/// whatever their addresses: the same history is the same bytes. Consecutive entries mostly share
/// one Source, so the table is rarely asked.
class SourceTable {
 public:
  explicit SourceTable(stored::v1::HistoryBlock& block) : block_(block) {}

  std::uint32_t IndexOf(const Source* source) {
    if (source == last_) return last_index_;
    const auto [position, added] =
        indexes_.try_emplace(Key(source->name, source->service_hash, source->instance_hash),
                             static_cast<std::uint32_t>(indexes_.size()));
    if (added) {
      auto& to = *block_.add_sources();
      to.set_name(source->name);
      to.set_service_hash(source->service_hash);
      to.set_instance_hash(source->instance_hash);
    }
    last_ = source;
    last_index_ = position->second;
    return last_index_;
  }

 private:
  stored::v1::HistoryBlock& block_;
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Key, std::uint32_t> indexes_;
  const Source* last_ = nullptr;
  std::uint32_t last_index_ = 0;
};

Result<std::vector<SourcePtr>> FromStored(
    google::protobuf::RepeatedPtrField<stored::v1::Source>& messages) {
  std::vector<SourcePtr> sources;
  sources.reserve(static_cast<std::size_t>(messages.size()));
  for (stored::v1::Source& message : messages) {
    sources.push_back(std::make_shared<const Source>(
        Source{std::move(*message.mutable_name()), std::move(*message.mutable_service_hash()),
               std::move(*message.mutable_instance_hash())}));
  }
  return sources;
}

Result<HistoryEntry> FromStored(stored::v1::HistoryEntry& message,
                                const std::vector<SourcePtr>& sources, TimePoint recorded) {
  if (message.source() >= sources.size()) {
    return DataLoss("stored history: an entry names source {} of {}", message.source(),
                    sources.size());
  }
  HistoryEntry entry;
  entry.recorded = recorded;
  entry.source = sources[message.source()];
  entry.key = std::move(*message.mutable_key());
  entry.data = std::move(*message.mutable_data());
  entry.id = std::move(*message.mutable_id());
  entry.time = message.time_us() == 0 ? recorded : FromMicros(message.time_us());
  entry.traceparent = std::move(*message.mutable_traceparent());
  if (!message.execution().empty()) {
    const auto execution = ExecutionId::FromBytes(message.execution());
    if (!execution || execution->empty()) {
      return DataLoss("stored history: {} bytes are no execution id", message.execution().size());
    }
    entry.execution = *execution;
  }
  return entry;
}

}  // namespace

void Encode(const HistoryBlock& block, std::string& into) {
  StoredScratch<stored::v1::HistoryBlock> message;
  SourceTable sources(*message);
  message->set_first(block.first);
  message->set_recorded_us(ToMicros(block.recorded));
  message->set_weight(block.weight);
  for (const HistoryEntry& entry : block.entries) {
    MESG_CHECK(entry.source != nullptr, "a history entry without a source");
    auto& to = *message->add_entries();
    to.set_source(sources.IndexOf(entry.source.get()));
    to.set_key(entry.key);
    to.set_data(entry.data);
    to.set_id(entry.id);
    if (entry.time != block.recorded) to.set_time_us(ToMicros(entry.time));
    to.set_traceparent(entry.traceparent);
    if (entry.IsResult()) {
      to.set_execution(entry.execution.Bytes().data(), entry.execution.Bytes().size());
    }
  }
  message.AppendTo(into);
}

Result<HistoryBlock> DecodeHistoryBlock(std::string_view bytes) {
  StoredScratch<stored::v1::HistoryBlock> message;
  if (!message.ParseFrom(bytes, kHighestField)) {
    return DataLoss("stored history: its {} bytes are not a record", bytes.size());
  }
  const auto count = static_cast<std::uint64_t>(message->entries_size());
  if (message->first() > std::numeric_limits<std::uint64_t>::max() - count) {
    return DataLoss("stored history: its first sequence {} is out of range", message->first());
  }
  const auto sources = MESG_TRY(FromStored(*message->mutable_sources()));

  HistoryBlock block;
  block.first = message->first();
  block.recorded = FromMicros(message->recorded_us());
  block.weight = message->weight();
  block.entries.reserve(static_cast<std::size_t>(count));
  for (stored::v1::HistoryEntry& stored : *message->mutable_entries()) {
    block.entries.push_back(MESG_TRY(FromStored(stored, sources, block.recorded)));
    block.entries.back().sequence = block.first + block.entries.size() - 1;
  }
  return block;
}

}  // namespace mesg
