#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "app/program/evaluation.h"
#include "engine/command.h"
#include "engine/run.h"
#include "model/event.h"
#include "store/batch.h"

namespace mesg::engine {

/// An execution waits for a worker, from `not_before` on. The dispatcher keeps it until it hears
/// Ended for the same attempt, or Ready again.
struct Ready {
  ExecutionPtr execution;
};
/// An `effect: once` dispatch is durable: hand it out now.
struct Send {
  ExecutionPtr execution;
};
/// An attempt is over without the execution being final: forget its delivery.
struct Ended {
  ExecutionId id;
  std::uint32_t attempt = 0;
  std::string reason;
};
/// The execution has its result, or its outcome became unknown: answer who waits, forget
/// deliveries.
struct Finished {
  ExecutionPtr execution;
};
struct InstanceChanged {
  std::shared_ptr<const Instance> instance;
};
struct InstanceRemoved {
  std::shared_ptr<const Instance> instance;
};
struct SubscriptionChanged {
  std::shared_ptr<const Subscription> subscription;
};
struct SubscriptionRemoved {
  std::string name;
};
/// A message to another partition; sent again until Delivered comes back.
struct SendMessage {
  PartitionId to = 0;
  std::uint64_t number = 0;
  std::string body;
};
/// Tell `from` that everything up to `number` is durable here.
struct ConfirmMessage {
  PartitionId from = 0;
  std::uint64_t number = 0;
};

/// More is pinned to a name than one commit should cancel: have ContinueUndeploy decided.
struct UndeployGoesOn {
  std::string name;
};
/// Every instance of the name is gone, and its data unless it was to be kept.
struct UndeployDone {
  std::string name;
};

/// `from` has sent something that could not be taken then; it can be now.
struct AskAgain {
  PartitionId from = 0;
};
/// The helper is to evaluate something for a step: answered by StepEvaluated.
struct EvaluateStep {
  RunId run;
  std::uint32_t visit = 0;
  std::uint32_t attempt = 0;
  std::vector<app::HelperCall> calls;
};
/// The same for the condition of a trigger: answered by TriggerEvaluated.
struct EvaluateTrigger {
  std::string application;
  std::string version;
  std::string workflow;
  std::uint64_t sequence = 0;
  app::HelperCall call;
};
/// A run is not what it was.
struct RunMoved {
  RunPtr run;
};
struct ApplicationChanged {
  ApplicationPtr application;
};

using AnyEffect = std::variant<Ready, Send, Ended, Finished, InstanceChanged, InstanceRemoved,
                               SubscriptionChanged, SubscriptionRemoved, SendMessage,
                               ConfirmMessage, UndeployGoesOn, UndeployDone, AskAgain, EvaluateStep,
                               EvaluateTrigger, RunMoved, ApplicationChanged>;

/// Everything one commit stands for.
struct Decided {
  std::uint64_t commit = 0;  ///< The commit's number.
  store::Batch batch;
  /// What the commit adds to the history, for listeners; null when it adds nothing.
  std::shared_ptr<const HistoryBlock> history;
  /// The executions behind the results in `history`.
  std::unordered_map<ExecutionId, ExecutionPtr> results;
  /// To be performed once the commit is durable, in order. A crash may lose them: recovery derives
  /// them again from what is stored.
  std::vector<AnyEffect> effects;
};

}  // namespace mesg::engine
