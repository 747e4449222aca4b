#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "engine/command.h"
#include "engine/run.h"

/// What partition keys tell each other: written in the sender's commit, taken by the receiver once.
namespace mesg::engine {

struct HoldMoved {
  std::string subscription;
  std::uint64_t sequence = 0;
  bool removed = false;
};
struct HoldBroke {
  std::string subscription;
  std::string reason;
};

/// A version of an application, for every partition.
struct ApplicationMoved {
  ApplicationPtr application;
};
struct StartRun {
  RunId id;
  std::string application;
  std::string version;
  std::string workflow;
  RunTrigger trigger;
  RunId parent = {};  ///< The run whose step waits for this one.
  std::uint32_t parent_visit = 0;
  std::uint32_t depth = 0;
  TimePoint deployed{};  ///< Of the application, as the sender knows it.
};
struct StopRun {
  RunId id;
  std::string reason;
};
/// To the run whose step waits for `child`.
struct RunEnded {
  RunId run;
  std::uint32_t visit = 0;
  RunId child;
  RunState state = RunState::kCompleted;
  std::string output;
  std::string error;
};
/// A step's task, to the instance that performs it.
struct CreateForStep {
  ExecutionId id;
  std::string service;  ///< The instance's name.
  std::string task;
  std::string inputs;
  std::optional<RetryPolicy> retry;
  RunId run;
  std::uint32_t visit = 0;
  std::string deferred;
};
struct CancelForStep {
  ExecutionId id;
  std::string reason;
};
/// To the run whose step waits for it.
struct ExecutionEnded {
  RunId run;
  std::uint32_t visit = 0;
  ExecutionId id;
  ExecutionPtr execution;  ///< Null when it could not be created.
  std::string error;
  std::string code;
  bool later = false;  ///< There was no room: it is to be tried again.
};
struct EmitOwn {
  std::string application;
  std::string version;
  std::string event;
  std::string data;
};
/// A step waits for an event of (service, key).
struct AwaitEvent {
  RunId run;
  std::uint32_t visit = 0;
  std::string service;
  std::string key;
  std::string waiter;  ///< Encoded Waiter.
};
struct StopAwaiting {
  RunId run;
  std::uint32_t visit = 0;
  std::string service;
  std::string key;
};
struct EventArrived {
  RunId run;
  std::uint32_t visit = 0;
  std::uint32_t attempt = 0;
  std::string data;
  std::string error;
  bool unjudged = false;  ///< The run has its condition judged; it waits on meanwhile.
};

using Body =
    std::variant<HoldMoved, HoldBroke, ApplicationMoved, StartRun, StopRun, RunEnded, CreateForStep,
                 CancelForStep, ExecutionEnded, EmitOwn, AwaitEvent, StopAwaiting, EventArrived>;
std::string EncodeBody(const Body& body);
/// DataLoss for what no EncodeBody wrote.
Result<Body> DecodeBody(std::string_view bytes);

/// What an `await` needs where its event is emitted.
struct Waiter {
  std::string application;
  std::string version;
  std::string workflow;
  std::uint32_t node = 0;
  std::string scope;  ///< JSON object: the variables of the condition, by name.
  std::uint32_t attempt = 0;
  std::vector<std::string> path = {};  ///< What the condition compares first; empty: nothing,
  std::uint64_t digest = 0;            ///< and app::Correlation::Digest of what it has to be.
};
std::string EncodeWaiter(const Waiter& waiter);
Result<Waiter> DecodeWaiter(std::string_view bytes);

}  // namespace mesg::engine
