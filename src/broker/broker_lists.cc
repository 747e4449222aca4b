#include <algorithm>
#include <future>
#include <utility>

#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/history.h"
#include "engine/keys.h"

namespace mesg::broker {
namespace {

// What one page may read before it is handed out, full or not: a rare match in a long history then
// takes several pages, and never holds a thread for long.
constexpr std::size_t kPageBytes = 64 << 20;

bool Wanted(const ExecutionQuery& query, const Execution& execution, ExecutionState state) {
  if (!query.name.empty() && query.name != execution.source->name) return false;
  if (!query.task.empty() && query.task != execution.task) return false;
  if (query.after != TimePoint() && execution.created < query.after) return false;
  if (query.before != TimePoint() && execution.created >= query.before) return false;
  if (!query.states.empty() && std::ranges::find(query.states, state) == query.states.end())
    return false;
  return std::ranges::all_of(query.tags, [&](const std::string& tag) {
    return std::ranges::find(execution.tags, tag) != execution.tags.end();
  });
}

ExecutionView Describe(const Partition& partition, const Execution& open) {
  auto copy = std::make_shared<Execution>(open);
  if (partition.Workers().IsDelivered(open.id)) copy->state = ExecutionState::kDispatched;
  ExecutionView view;
  std::tie(view.waiting_for, view.waiting_since) = partition.Workers().WaitsFor(open);
  view.execution = std::move(copy);
  return view;
}

/// Open executions of a partition that fit and were created before number `before`, newest first,
/// at most `limit`; from the partition's own thread.
std::vector<ExecutionView> ListOpen(PartitionThread& thread, const ExecutionQuery& query,
                                    std::uint64_t before, std::size_t limit) {
  std::promise<std::vector<ExecutionView>> promise;
  thread.SubmitAlways([&](Partition& partition, TimePoint) {
    std::vector<const Execution*> found;
    for (const auto& [id, execution] : partition.GetEngine().Current().Open()) {
      const ExecutionState state =
          partition.Workers().IsDelivered(id) ? ExecutionState::kDispatched : execution->state;
      if (execution->created_number < before && Wanted(query, *execution, state))
        found.push_back(execution.get());
    }
    const auto newer = [](const Execution* a, const Execution* b) {
      return a->created_number > b->created_number;
    };
    if (found.size() > limit) {
      std::ranges::nth_element(found, found.begin() + static_cast<std::ptrdiff_t>(limit), newer);
      found.resize(limit);
    }
    std::ranges::sort(found, newer);
    std::vector<ExecutionView> views;
    for (const Execution* execution : found) views.push_back(Describe(partition, *execution));
    promise.set_value(std::move(views));
  });
  return promise.get_future().get();
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
                                      const ExecutionQuery& query) {
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
      if (execution == nullptr || !Wanted(query, *execution, execution->state)) continue;
      if (page.executions.size() == query.limit) {
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

Result<EventPage> Broker::ListEvents(const EventQuery& query) const {
  EventPage page;
  page.oldest_position = Oldest().Text();
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, settings_.limits.list_page);
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
      if (entry.sequence < lowest) return false;
      page.events.push_back({PositionText(entry.source->name, entry.sequence), entry});
      return page.events.size() < limit;
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
    reply(ListDeadLetters(places, query));
    return;
  }
  auto start = PageStart::Parse(query.token, slots.size());
  if (!start) {
    reply(std::move(start).error());
    return;
  }
  ExecutionPage page;
  // Open ones first, then closed ones by the order of their results, each newest first. One that
  // closes between two pages may come twice, but is not missed.
  if (start->part == PageStart::kOpen) {
    for (; start->slot < slots.size(); ++start->slot) {
      auto open = ListOpen(*slots[start->slot]->thread, query,
                           std::exchange(start->number, {}).value_or(UINT64_MAX),
                           query.limit - page.executions.size());
      std::move(open.begin(), open.end(), std::back_inserter(page.executions));
      if (page.executions.size() < query.limit) continue;
      start->number = page.executions.back().execution->created_number;
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
                               if (Wanted(query, *execution, execution->state)) {
                                 page.executions.push_back({execution, "", {}});
                               }
                               return page.executions.size() < query.limit;
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
