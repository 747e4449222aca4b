#include <algorithm>
#include <future>
#include <utility>

#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/history.h"
#include "broker/page_room.h"
#include "engine/keys.h"

namespace mesg::broker {
namespace {

// What one page may read before it is handed out, full or not: a rare match in a long history then
// takes several pages, and never holds a thread for long.
constexpr std::size_t kPageBytes = 64 << 20;

std::size_t SizeOfKey(const KeyValue& value) {
  constexpr std::size_t kFixed = 32;
  return kFixed + value.key.size() + value.value.size();
}

bool Wanted(const ExecutionQuery& query, const Execution& execution, ExecutionState state) {
  if (!query.name.empty() && query.name != execution.source->name) return false;
  if (!query.hash.empty() && query.hash != execution.source->service_hash &&
      query.hash != execution.source->instance_hash) {
    return false;
  }
  if (!query.task.empty() && query.task != execution.task) return false;
  if (query.after != TimePoint() && execution.created < query.after) return false;
  if (query.before != TimePoint() && execution.created >= query.before) return false;
  if (!query.states.empty() && std::ranges::find(query.states, state) == query.states.end())
    return false;
  return std::ranges::all_of(query.tags, [&](const std::string& tag) {
    return std::ranges::find(execution.tags, tag) != execution.tags.end();
  });
}

/// An open execution as its partition knows it.
struct OpenExecution {
  ExecutionId id;
  std::uint64_t created_number = 0;
  bool delivered = false;
  std::string waiting_for;
  TimePoint waiting_since{};
};

/// What one turn of a partition has seen of its open executions.
struct OpenLook {
  std::vector<OpenExecution> found;
  std::uint64_t before = 0;  ///< Where the next look begins.
  bool at_end = false;
};

// So much of a list is done in one turn of a partition, whose commits wait for it.
constexpr std::size_t kLookedAtPerTurn = 1'024;
constexpr std::size_t kFoundPerTurn = 32;
// So many turns make a page, full or not.
constexpr std::size_t kTurnsPerPage = 256;

/// Those that fit and were created before number `before`, newest first, as far as one turn goes;
/// from the partition's own thread. Payloads are not copied there.
///
/// A look that comes to the end is answered when all that was decided before it is durable: what is
/// no longer open then is found among the closed ones.
Result<OpenLook> LookAtOpen(PartitionThread& thread, const ExecutionQuery& query,
                            std::uint64_t before) {
  std::promise<Result<OpenLook>> promise;
  thread.SubmitAlways([&](Partition& partition, TimePoint) {
    OpenLook look;
    const auto& open = partition.GetEngine().Current().OpenByNumber();
    auto next = open.lower_bound(before);
    for (std::size_t looked = 0;
         next != open.begin() && looked < kLookedAtPerTurn && look.found.size() < kFoundPerTurn;
         ++looked) {
      --next;
      const Execution& execution = *next->second;
      const bool delivered = partition.Workers().IsDelivered(execution.id);
      if (!Wanted(query, execution, delivered ? ExecutionState::kDispatched : execution.state))
        continue;
      OpenExecution& found = look.found.emplace_back();
      found.id = execution.id;
      found.created_number = next->first;
      found.delivered = delivered;
      std::tie(found.waiting_for, found.waiting_since) = partition.Workers().WaitsFor(execution);
    }
    look.at_end = next == open.begin();
    if (!look.at_end) {
      look.before = next->first;
      return promise.set_value(std::move(look));
    }
    partition.WhenDurable([&promise, look = std::move(look)](const Result<void>& durable) {
      promise.set_value(durable ? Result<OpenLook>(look) : durable.error());
    });
  });
  return promise.get_future().get();
}

/// How a page goes on.
struct OpenRead {
  std::uint64_t before = 0;
  bool at_end = false;
};

/// Adds open executions of a partition to `page` while there is room.
Result<OpenRead> ReadOpen(const PartitionPlace& place, const ExecutionQuery& query,
                          std::uint64_t before, PageRoom& room, ExecutionPage& page) {
  for (std::size_t turn = 0; turn < kTurnsPerPage; ++turn) {
    const OpenLook look = MESG_TRY(LookAtOpen(*place.thread, query, before));
    for (const OpenExecution& found : look.found) {
      if (room.Full()) return OpenRead{found.created_number + 1, false};
      auto execution = MESG_TRY(ReadExecution(*place.store, found.id));
      // Not durable yet, or closed meanwhile: then it is among the results.
      if (execution == nullptr || IsFinal(execution->state)) continue;
      if (found.delivered) execution->state = ExecutionState::kDispatched;
      if (!Wanted(query, *execution, execution->state)) continue;
      if (!room.Take(SizeOf(*execution))) return OpenRead{found.created_number + 1, false};
      page.executions.push_back({std::move(execution), found.waiting_for, found.waiting_since});
    }
    before = look.before;
    if (look.at_end) return OpenRead{0, true};
  }
  return OpenRead{before, false};
}

/// Where the next page of a list begins: which of its parts, which partition in it, and a number
/// that part counts by.
struct PageStart {
  enum Part : std::uint64_t { kOpen = 0, kClosed = 1 };
  std::uint64_t part = kOpen;
  std::size_t slot = 0;
  std::optional<std::uint64_t> number;  ///< None: the newest.

  static Result<PageStart> Parse(const std::string& token, std::size_t slots) {
    if (token.empty()) return PageStart();
    constexpr std::size_t kNumbers = 3;
    const auto numbers = Position::Parse(token, kNumbers);
    if (!numbers || numbers->At(0) > kClosed || numbers->At(1) >= slots) {
      return InvalidArgument("\"{}\" is not a page token; pass one that the page before gave",
                             token);
    }
    return PageStart{numbers->At(0), numbers->At(1), numbers->At(2)};
  }
  std::string Text() const { return fmt::format("{}.{}.{}", part, slot, number.value_or(0)); }
};

/// Newest first by creation. A token is "PARTITION.NUMBER": the next creation number to look at.
Result<ExecutionPage> ListDeadLetters(const std::vector<const PartitionPlace*>& places,
                                      const ExecutionQuery& query, std::size_t page_bytes) {
  namespace keys = engine::keys;
  ExecutionPage page;
  Position start(2);
  bool resumed = false;
  if (!query.token.empty()) {
    start = MESG_TRY(Position::Parse(query.token, 2));
    resumed = true;
    if (start.At(0) >= places.size())
      return InvalidArgument("\"{}\" is not a page token", query.token);
  }
  PageRoom room(query.limit, page_bytes);
  std::size_t read = 0;
  for (std::size_t p = start.At(0); p < places.size(); ++p) {
    const keys::Range range = keys::All(keys::Table::kDeadLetter);
    const auto cursor = places[p]->store->Read(range.from, range.to);
    cursor->SeekForPrev(std::exchange(resumed, false)
                            ? keys::DeadLetter(start.At(1) + 1, ExecutionId())
                            : range.to);
    for (; cursor->Valid(); cursor->Prev()) {
      const auto id = keys::DeadLetterId(cursor->Key());
      if (!id) return DataLoss("a dead letter has a key of {} bytes", cursor->Key().size());
      const engine::ExecutionPtr execution = MESG_TRY(ReadExecution(*places[p]->store, *id));
      if (execution == nullptr) continue;
      const bool enough = read >= kPageBytes;
      read += SizeOf(*execution);
      if (!enough && !Wanted(query, *execution, execution->state)) continue;
      if (enough || !room.Take(SizeOf(*execution))) {
        Position token(2);
        token.Set(0, p);
        token.Set(1, execution->created_number);
        page.next_token = token.Text();
        return page;
      }
      ExecutionView view{execution, "", {}};
      if (!IsFinal(execution->state))
        std::tie(view.waiting_for, view.waiting_since) = Dispatcher::WaitsForSomebody(*execution);
      page.executions.push_back(std::move(view));
    }
    MESG_TRY(cursor->Status());
  }
  return page;
}

}  // namespace

Result<std::vector<KeyValue>> Broker::GetKeys(const InstancePtr& instance,
                                              const std::vector<std::string>& keys) const {
  const store::Store& store = *impl_->SlotOfKey(instance->Name()).place.store;
  PageRoom room(keys.size(), settings_.limits.list_bytes);
  std::vector<KeyValue> values;
  for (const std::string& key : keys) {
    KeyValue value{key, "", 0};
    if (const auto stored = MESG_TRY(store.Get(engine::keys::Value(instance->Name(), key)))) {
      auto decoded = MESG_TRY(engine::DecodeValue(*stored));
      value.value = std::move(decoded.value);
      value.version = decoded.version;
    }
    if (!room.Take(SizeOfKey(value))) break;
    values.push_back(std::move(value));
  }
  return values;
}

Result<KeyPage> Broker::ListKeys(const InstancePtr& instance, std::string_view prefix,
                                 std::string_view after, std::size_t limit) const {
  const store::Store& store = *impl_->SlotOfKey(instance->Name()).place.store;
  const engine::keys::Range range =
      engine::keys::OfName(engine::keys::Table::kValue, instance->Name());
  const std::string first = range.from + std::string(std::max(prefix, after));
  PageRoom room(std::clamp<std::size_t>(limit, 1, settings_.limits.list_page),
                settings_.limits.list_bytes);
  KeyPage page;
  const auto cursor = store.Read(range.from, range.to);
  for (cursor->Seek(first); cursor->Valid(); cursor->Next()) {
    const std::string_view key = cursor->Key().substr(range.from.size());
    if (!key.starts_with(prefix)) break;
    if (!after.empty() && key <= after) continue;
    auto stored = MESG_TRY(engine::DecodeValue(cursor->Value()));
    KeyValue value{std::string(key), std::move(stored.value), stored.version};
    page.more = !room.Take(SizeOfKey(value));
    if (page.more) break;
    page.values.push_back(std::move(value));
  }
  MESG_TRY(cursor->Status());
  return page;
}

Result<bool> Broker::HasHistory(std::string_view instance_name) const {
  const store::Store& store = *impl_->SlotOfKey(instance_name).place.store;
  const engine::keys::Range range =
      engine::keys::OfName(engine::keys::Table::kPostings, instance_name);
  const auto cursor = store.Read(range.from, range.to);
  cursor->Seek(range.from);
  const bool found = cursor->Valid();
  MESG_TRY(cursor->Status());
  return found;
}

Result<EventPage> Broker::ListEvents(const EventQuery& query) const {
  EventPage page;
  page.oldest_position = Oldest().Text();
  PageRoom room(std::clamp<std::size_t>(query.limit, 1, settings_.limits.list_page),
                settings_.limits.list_bytes);
  // The first partition that has the service, or all of them one after the other.
  std::vector<const Impl::Slot*> slots;
  if (!query.filter.name.empty()) {
    slots.push_back(&impl_->SlotOfKey(query.filter.name));
  } else {
    for (const auto& slot : impl_->slots) slots.push_back(slot.get());
  }
  // A token is "PARTITION.SEQUENCE": where the next page begins.
  std::size_t first_slot = 0;
  std::optional<std::uint64_t> from;
  if (!query.token.empty()) {
    const auto token = Position::Parse(query.token, 2);
    if (!token || token->At(0) >= slots.size()) {
      return InvalidArgument("\"{}\" is not a page token; pass one that the page before gave",
                             query.token);
    }
    first_slot = token->At(0);
    from = token->At(1);
  }
  std::optional<Position> behind;
  if (!query.after_position.empty())
    behind = MESG_TRY(Position::Parse(query.after_position, Partitions()));

  for (std::size_t s = first_slot; s < slots.size(); ++s) {
    const PartitionPlace& place = slots[s]->place;
    HistoryRange range;
    if (query.after != TimePoint()) range.after = query.after;
    if (query.before != TimePoint()) range.before = query.before;
    const std::uint64_t lowest = behind ? behind->At(place.id) + 1 : 1;
    range.from =
        query.newest_first ? place.next - 1 : std::max<std::uint64_t>(lowest, place.oldest);
    if (from) range.from = *std::exchange(from, std::nullopt);
    const auto visit = [&](const HistoryEntry& entry, const engine::ExecutionPtr&) {
      if (entry.sequence < lowest) return Walk::kStop;
      if (room.Full()) return Walk::kStopBefore;
      std::string position = PositionText(entry.source->name, entry.sequence);
      if (!room.Take(SizeOf(entry) + position.size())) return Walk::kStopBefore;
      page.events.push_back({std::move(position), entry});
      return room.Full() ? Walk::kStop : Walk::kOn;
    };
    const HistoryRead read =
        MESG_TRY(query.newest_first
                     ? ReadHistoryBackwards(*place.store, range, {query.filter}, kPageBytes, visit)
                     : ReadHistory(*place.store, range, {query.filter}, kPageBytes, visit));
    if (!read.at_end && !(query.newest_first && read.next < lowest)) {
      Position token(2);
      token.Set(0, s);
      token.Set(1, read.next);
      page.next_token = token.Text();
      return page;
    }
  }
  return page;
}

void Broker::List(ExecutionQuery query, const Reply<ExecutionPage>& reply) {
  query.limit = std::clamp<std::size_t>(query.limit, 1, settings_.limits.list_page);
  std::vector<Impl::Slot*> slots;
  if (!query.name.empty()) {
    slots.push_back(&impl_->SlotOfKey(query.name));
  } else {
    for (const auto& slot : impl_->slots) slots.push_back(slot.get());
  }
  if (query.dead_letters) {
    std::vector<const PartitionPlace*> places;
    for (const Impl::Slot* slot : slots) places.push_back(&slot->place);
    reply(ListDeadLetters(places, query, settings_.limits.list_bytes));
    return;
  }
  auto start = PageStart::Parse(query.token, slots.size());
  if (!start) {
    reply(std::move(start).error());
    return;
  }
  ExecutionPage page;
  PageRoom room(query.limit, settings_.limits.list_bytes);
  // Open ones first, then closed ones by the order of their results, each newest first. One that
  // closes between two pages may come twice, but is not missed.
  if (start->part == PageStart::kOpen) {
    for (; start->slot < slots.size(); ++start->slot) {
      const auto read = ReadOpen(slots[start->slot]->place, query,
                                 std::exchange(start->number, {}).value_or(UINT64_MAX), room, page);
      if (!read) {
        reply(read.error());
        return;
      }
      if (read->at_end && !room.Full()) continue;
      start->number = read->before;
      page.next_token = start->Text();
      reply(std::move(page));
      return;
    }
    *start = {PageStart::kClosed, 0, {}};
  }
  Filter filter;
  filter.results = true;
  filter.name = query.name;
  filter.key = query.task;
  for (; start->slot < slots.size(); ++start->slot) {
    const PartitionPlace& place = slots[start->slot]->place;
    HistoryRange range;
    range.from = std::exchange(start->number, {}).value_or(place.next - 1);
    // Nothing was finished before it was created.
    if (query.after != TimePoint()) range.after = query.after;
    const auto read =
        ReadHistoryBackwards(*place.store, range, {filter}, kPageBytes,
                             [&](const HistoryEntry&, const engine::ExecutionPtr& execution) {
                               if (!Wanted(query, *execution, execution->state)) return Walk::kOn;
                               if (!room.Take(SizeOf(*execution))) return Walk::kStopBefore;
                               page.executions.push_back({execution, "", {}});
                               return room.Full() ? Walk::kStop : Walk::kOn;
                             });
    if (!read) {
      reply(read.error());
      return;
    }
    if (!read->at_end) {
      start->number = read->next;
      page.next_token = start->Text();
      break;
    }
  }
  reply(std::move(page));
}

}  // namespace mesg::broker
