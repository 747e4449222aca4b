#include <unordered_map>
#include <utility>

#include "engine/engine.h"
#include "engine/keys.h"

namespace mesg::engine {

Result<Engine::EmitPlan> Engine::PlanEmit(const SourcePtr& source, std::vector<NewEvent>& events,
                                          std::vector<KeyMove>& moves,
                                          std::uint64_t first_sequence) const {
  EmitPlan plan{source, {}, {}, {}, {}};

  // Keys first: a stale version refuses everything.
  std::uint64_t next_version = state_.Numbers().next_version;
  std::unordered_map<std::string, std::uint64_t> versions_here;
  for (KeyMove& move : moves) {
    std::uint64_t version = 0;
    if (const auto here = versions_here.find(move.key); here != versions_here.end()) {
      version = here->second;
    } else if (const auto stored = MESG_TRY(state_.FindValue(source->name, move.key))) {
      version = stored->version;
    }
    if (move.expected && *move.expected != version) {
      return Aborted("key \"{}\" of {} has version {}, expected {}: read it again and decide anew",
                     move.key, source->name, version, *move.expected)
          .Because("VERSION_MISMATCH");
    }
    // Never given out before in this partition, so that the version of a key that was deleted and
    // made again never fits what somebody read before.
    const std::uint64_t next = move.value ? next_version++ : 0;
    versions_here[move.key] = next;
    plan.reply.versions.push_back(next);
    plan.moves.push_back({source->name, std::move(move.key), std::move(move.value), next});
  }

  std::unordered_map<std::string_view, std::uint64_t> ids_here;
  std::uint64_t sequence = first_sequence;
  plan.entries.reserve(events.size());
  plan.reply.sequences.reserve(events.size());
  for (std::uint32_t index = 0; index < events.size(); ++index) {
    NewEvent& event = events[index];
    if (!event.id.empty()) {
      std::optional<std::uint64_t> first;
      std::string storage_key = keys::RememberedEvent(source->name, event.id);
      if (const auto here = ids_here.find(event.id); here != ids_here.end()) {
        first = here->second;
      } else if (const auto remembered = MESG_TRY(state_.FindRemembered(storage_key))) {
        first = remembered->sequence;
      }
      if (first) {
        plan.reply.sequences.push_back(*first);
        plan.reply.duplicates.push_back(index);
        continue;
      }
      ids_here[event.id] = sequence;
      plan.ids.push_back({std::move(storage_key), sequence, {}, {}, {}});
    }
    HistoryEntry entry;
    entry.sequence = sequence;
    entry.source = source;
    entry.key = std::move(event.key);
    entry.data = std::move(event.data);
    entry.id = event.id;  // Copied: ids_here refers to it.
    entry.time = event.time;
    entry.traceparent = std::move(event.traceparent);
    plan.entries.push_back(std::move(entry));
    plan.reply.sequences.push_back(sequence++);
  }
  return plan;
}

Emitted Engine::PerformEmit(EmitPlan&& plan, TimePoint now) {
  for (IdRemembered& id : plan.ids) {
    id.expires = now + settings_.dedup_window;
    Add(std::move(id));
  }
  for (KeyMoved& move : plan.moves) Add(std::move(move));
  for (const HistoryEntry& entry : plan.entries) {
    if (!Interests(false, entry.source->name, entry.key)) continue;
    Happened happened{entry.sequence, false, entry.source->name, {}};
    happened.trigger.kind = RunTrigger::Kind::kEvent;
    happened.trigger.service = entry.source->name;
    happened.trigger.key = entry.key;
    happened.trigger.data = entry.data;
    happened.trigger.id = entry.id;
    happened.trigger.time = entry.time == TimePoint() ? now : entry.time;
    happened_.push_back(std::move(happened));
  }
  if (!plan.entries.empty()) Add(EventsEmitted{std::move(plan.entries)});
  return std::move(plan.reply);
}

Result<Reply> Engine::On(Emit&& command, TimePoint now) {
  const auto instance = state_.Instances().find(command.source->instance_hash);
  if (instance == state_.Instances().end() ||
      instance->second->state == Instance::State::kDeleting) {
    return NotFound("instance {} of service \"{}\" is not deployed any more",
                    command.source->instance_hash, command.source->name)
        .Because("INSTANCE_NOT_FOUND");
  }
  auto plan = MESG_TRY(
      PlanEmit(command.source, command.events, command.moves, state_.Numbers().next_sequence));
  return Reply(PerformEmit(std::move(plan), now));
}

}  // namespace mesg::engine
