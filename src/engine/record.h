#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/command.h"
#include "engine/run.h"
#include "model/event.h"
#include "model/execution.h"

/// Facts: what a decision comes to. Folding them, in order, is all that ever changes a State: live,
/// in recovery and on a replica.
namespace mesg::engine {

struct EventsEmitted {
  std::vector<HistoryEntry> entries;  ///< Sequences already given, without gaps.
};
struct KeyMoved {
  std::string name;
  std::string key;
  std::optional<std::string> value;
  std::uint64_t version = 0;
};
/// A caller's id, known until its window has passed.
struct IdRemembered {
  std::string storage_key;
  std::uint64_t sequence = 0;
  ExecutionId execution;
  std::string fingerprint;
  TimePoint expires{};
};
struct IdsForgotten {
  std::string expiry_key;
  std::vector<std::string> storage_keys;
};
struct ExecutionCreated {
  std::shared_ptr<Execution> execution;
};
struct ExecutionDispatched {
  ExecutionId id;
  TimePoint time{};
};
/// An attempt ended and the execution goes on.
struct AttemptRecorded {
  ExecutionId id;
  Attempt attempt;
  TimePoint not_before{};
};
/// The one result. `sequence` is its place in the history.
struct ExecutionFinished {
  ExecutionId id;
  ExecutionState state = ExecutionState::kCompleted;
  Outcome outcome;
  std::optional<Attempt> attempt;
  bool dead_letter = false;
  std::uint64_t sequence = 0;
};
/// `effect: once` was interrupted: no result, a dead letter.
struct OutcomeBecameUnknown {
  ExecutionId id;
  Outcome outcome;
  Attempt attempt;
};
struct DeadLetterRemoved {
  ExecutionId id;
};
struct ExecutionMoved {
  ExecutionId id;
  SourcePtr source;
};
struct InstancePut {
  std::shared_ptr<const Instance> instance;
};
struct InstanceGone {
  std::string instance_hash;
};
struct NameForgotten {
  std::string name;
};
struct SubscriptionPut {
  std::shared_ptr<const Subscription> subscription;
};
struct SubscriptionGone {
  std::string name;
};
struct HoldPut {
  std::string subscription;
  std::uint64_t sequence = 0;
  bool broken = false;
};
struct HoldGone {
  std::string subscription;
};
struct MessageQueued {
  PartitionId to = 0;
  std::uint64_t number = 0;
  std::string body;
};
struct MessagesConfirmed {
  PartitionId to = 0;
  std::uint64_t number = 0;
};
struct MessageTaken {
  PartitionId from = 0;
  std::uint64_t number = 0;
};
struct HistoryTrimmed {
  std::uint64_t oldest = 0;               ///< The first sequence that is kept.
  std::uint64_t weight = 0;               ///< Bytes given back.
  std::vector<std::string> storage_keys;  ///< Blocks, index entries and executions that go.
};

struct ApplicationPut {
  ApplicationPtr application;
};
struct ApplicationGone {
  std::string name;
  std::string version;
};
/// A run as it is now.
struct RunChanged {
  RunPtr run;
};
struct RunForgotten {
  RunPtr run;  ///< As it ended.
};
/// A step's record, and as number 0 what started the run.
struct StepEnded {
  RunId run;
  StepRecord step;
};
/// What one item of a `foreach`, or one branch of a `parallel`, came to.
struct ItemEnded {
  RunId run;
  std::uint32_t visit = 0;
  std::uint32_t lane = 0;
  std::string value;
};
/// Where a workflow that is behind its triggers goes on; none: it has caught up.
struct CursorMoved {
  std::string application;
  std::string workflow;
  std::optional<std::uint64_t> next;
  std::string problem;
};
struct ScheduleMoved {
  std::string application;
  std::string workflow;
  std::optional<TimePoint> last;  ///< None: forgotten.
};
struct WaiterPut {
  std::string service;
  std::string key;
  RunId run;
  std::uint32_t visit = 0;
  std::string waiter;  ///< Encoded Waiter; of it:
  std::vector<std::string> path;
  std::uint64_t digest = 0;
};
struct WaiterGone {
  std::string service;
  std::string key;
  RunId run;
  std::uint32_t visit = 0;
};

/// An event that an await heard and that was not the one.
struct ItemGone {
  RunId run;
  std::uint32_t visit = 0;
  std::uint32_t lane = 0;
};

using Record =
    std::variant<EventsEmitted, KeyMoved, IdRemembered, IdsForgotten, ExecutionCreated,
                 ExecutionDispatched, AttemptRecorded, ExecutionFinished, OutcomeBecameUnknown,
                 DeadLetterRemoved, ExecutionMoved, InstancePut, InstanceGone, NameForgotten,
                 SubscriptionPut, SubscriptionGone, HoldPut, HoldGone, MessageQueued,
                 MessagesConfirmed, MessageTaken, HistoryTrimmed, ApplicationPut, ApplicationGone,
                 RunChanged, RunForgotten, StepEnded, ItemEnded, ItemGone, CursorMoved,
                 ScheduleMoved, WaiterPut, WaiterGone>;

}  // namespace mesg::engine
