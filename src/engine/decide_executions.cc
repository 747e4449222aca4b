#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "engine/engine.h"
#include "engine/keys.h"

namespace mesg::engine {
namespace {

std::string Fingerprint(const NewExecution& wanted) {
  return Sha256(fmt::format("{}\n{}\n{}", wanted.task.size(), wanted.task, wanted.inputs));
}

// An execution keeps the texts of every attempt, in memory while it is open, so they are short. The
// error that becomes its outcome is kept as it came: there is only one.
Attempt Recorded(Attempt attempt) {
  constexpr std::size_t kLongestReason = 4096;
  constexpr std::size_t kLongestWorker = 256;
  attempt.reason = Shortened(std::move(attempt.reason), kLongestReason);
  attempt.worker = Shortened(std::move(attempt.worker), kLongestWorker);
  return attempt;
}

Error AlreadyFinished(const Execution& execution) {
  return FailedPrecondition("execution {} is {}, its result is already recorded",
                            execution.id.Text(), Name(execution.state))
      .Because("RESULT_ALREADY_RECORDED");
}

Error NoSuchExecution(const ExecutionId& id) {
  return NotFound("execution {} does not exist, or its history is no longer kept", id.Text())
      .Because("EXECUTION_NOT_FOUND");
}

}  // namespace

// ---- Creating ----

Result<void> Engine::CheckRoom(const NewExecution& wanted) const {
  const auto instance = state_.Instances().find(wanted.source->instance_hash);
  if (instance == state_.Instances().end() || instance->second->state != Instance::State::kActive) {
    return FailedPrecondition(
               "instance {} of service \"{}\" takes no new work: it was replaced or deleted",
               wanted.source->instance_hash, wanted.source->name)
        .Because("INSTANCE_REPLACED");
  }
  if (state_.Open().size() >= settings_.max_open_executions) {
    return ResourceExhausted("{} executions wait or run, the limit; retry when some have finished",
                             state_.Open().size())
        .Because("TOO_MANY_EXECUTIONS");
  }
  if (state_.OpenBytes() + wanted.inputs.size() > settings_.max_open_bytes) {
    return ResourceExhausted(
               "waiting and running executions hold {} bytes, the limit is {}; retry when some "
               "have finished",
               state_.OpenBytes(), settings_.max_open_bytes)
        .Because("TOO_MANY_EXECUTIONS");
  }
  return {};
}

Result<Created> Engine::CreateOne(NewExecution&& wanted, TimePoint now,
                                  const ExecutionId& retry_of) {
  if (!wanted.idempotency_key.empty()) {
    std::string storage_key =
        keys::RememberedExecution(wanted.source->name, wanted.idempotency_key);
    std::string fingerprint = Fingerprint(wanted);
    if (const auto remembered = MESG_TRY(state_.FindRemembered(storage_key))) {
      if (remembered->fingerprint != fingerprint) {
        return AlreadyExists(
                   "idempotency key \"{}\" belongs to execution {}, which has another task or "
                   "other inputs; use a new key",
                   wanted.idempotency_key, remembered->execution.Text())
            .Because("IDEMPOTENCY_KEY_REUSED");
      }
      if (MESG_TRY(state_.Find(remembered->execution)) == nullptr) {
        return NotFound(
                   "idempotency key \"{}\" belongs to execution {}, whose result is no longer kept",
                   wanted.idempotency_key, remembered->execution.Text())
            .Because("EXECUTION_NOT_FOUND");
      }
      return Created{remembered->execution, true};
    }
    MESG_TRY(CheckRoom(wanted));
    Add(IdRemembered{std::move(storage_key), 0, wanted.id, std::move(fingerprint),
                     now + settings_.dedup_window});
  } else {
    MESG_TRY(CheckRoom(wanted));
  }

  auto execution = std::make_shared<Execution>();
  execution->id = wanted.id;
  execution->source = std::move(wanted.source);
  execution->task = std::move(wanted.task);
  execution->inputs = std::move(wanted.inputs);
  execution->tags = std::move(wanted.tags);
  execution->created = now;
  execution->created_number = state_.Numbers().next_created_number;
  execution->idempotency_key = std::move(wanted.idempotency_key);
  execution->timeout = wanted.timeout;
  execution->retry = wanted.retry;
  execution->not_before = wanted.not_before;
  execution->priority = wanted.priority;
  execution->effect = wanted.effect;
  execution->traceparent = std::move(wanted.traceparent);
  execution->retry_of = retry_of;
  execution->run = wanted.run;
  execution->visit = wanted.visit;
  execution->deferred = std::move(wanted.deferred);
  Add(ExecutionCreated{execution});
  Tell(Ready{state_.OpenPtr(wanted.id)});
  return Created{wanted.id, false};
}

Result<Reply> Engine::On(Create&& command, TimePoint now) {
  std::vector<Result<Created>> created;
  created.reserve(command.executions.size());
  for (NewExecution& wanted : command.executions)
    created.push_back(CreateOne(std::move(wanted), now));
  return Reply(std::move(created));
}

// ---- Attempts ----

Result<Reply> Engine::On(Dispatch&& command, TimePoint now) {
  const Execution* execution = state_.FindOpen(command.id);
  if (execution == nullptr) return NoSuchExecution(command.id);
  if (execution->state != ExecutionState::kCreated ||
      execution->CurrentAttempt() != command.attempt) {
    return FailedPrecondition(
        "execution {} is {} in attempt {}, only a created one can be dispatched", command.id.Text(),
        Name(execution->state), execution->CurrentAttempt());
  }
  Add(ExecutionDispatched{command.id, now});
  Tell(engine::Send{state_.OpenPtr(command.id)});
  return Reply();
}

void Engine::Finish(const Execution& execution, ExecutionState state, Outcome outcome,
                    std::optional<Attempt> attempt, bool dead_letter) {
  const ExecutionId id = execution.id;
  const std::string instance_hash = execution.source->instance_hash;
  Add(ExecutionFinished{id, state, std::move(outcome), std::move(attempt), dead_letter,
                        state_.Numbers().next_sequence});
  auto finished = state_.Find(id);
  MESG_CHECK(finished && *finished, "execution {} vanished while it was finished", id.Text());
  const Execution& ended = **finished;
  Tell(Finished{*finished});
  RetireIfDrained(instance_hash);
  if (!ended.run.empty()) {
    Send(ended.run.Slot(), ExecutionEnded{ended.run, ended.visit, id, *finished, "", "", false});
  }
  if (state != ExecutionState::kCompleted || !Interests(true, ended.source->name, ended.task)) {
    return;
  }
  Happened happened{ended.result_sequence, true, ended.source->name, {}};
  happened.trigger.kind = RunTrigger::Kind::kResult;
  happened.trigger.service = ended.source->name;
  happened.trigger.key = ended.task;
  happened.trigger.data = ended.outcome->outputs;
  happened.trigger.time = ended.outcome->recorded;
  happened.trigger.execution = id;
  happened_.push_back(std::move(happened));
}

void Engine::BecomeUnknown(const Execution& execution, Attempt attempt, TimePoint now) {
  const ExecutionId id = execution.id;
  Outcome outcome{"", "", attempt.reason, now};
  Add(OutcomeBecameUnknown{id, std::move(outcome), Recorded(std::move(attempt))});
  Tell(Finished{std::make_shared<const Execution>(*state_.FindOpen(id))});
}

void Engine::FailAttempt(const Execution& execution, Attempt attempt, bool permanent, double random,
                         TimePoint now) {
  const bool exhausted = attempt.number >= execution.retry.attempts;
  if (permanent || exhausted) {
    Outcome outcome{"", "", attempt.reason, now};
    Finish(execution, ExecutionState::kFailed, std::move(outcome), Recorded(std::move(attempt)),
           /*dead_letter=*/!permanent && execution.run.empty());
    return;
  }
  // Work a worker lost goes on at once: nothing says that it would fail again.
  const Duration pause = attempt.outcome == AttemptOutcome::kWorkerLost
                             ? Duration(0)
                             : execution.retry.PauseAfter(attempt.number, random);
  attempt = Recorded(std::move(attempt));
  const ExecutionId id = execution.id;
  const std::uint32_t number = attempt.number;
  std::string reason = attempt.reason;
  Add(AttemptRecorded{id, std::move(attempt), now + pause});
  Tell(Ended{id, number, std::move(reason)});
  Tell(Ready{state_.OpenPtr(id)});
}

Result<Emitted> Engine::AnswerOne(Answer&& answer, TimePoint now) {
  const Execution* execution = state_.FindOpen(answer.id);
  if (execution == nullptr) {
    const ExecutionPtr closed = MESG_TRY(state_.Find(answer.id));
    if (closed == nullptr) return NoSuchExecution(answer.id);
    return AlreadyFinished(*closed);
  }
  const std::uint32_t current = execution->CurrentAttempt();
  if (answer.attempt > current) {
    return InvalidArgument("execution {} has not come to attempt {}", answer.id.Text(),
                           answer.attempt);
  }

  if (auto* failure = std::get_if<Failure>(&answer.result)) {
    if (!answer.events.empty() || !answer.moves.empty()) {
      return InvalidArgument(
          "a failure was answered together with events or key changes, which only a success can "
          "commit");
    }
    const bool was_unknown = std::ranges::any_of(execution->attempts, [&](const Attempt& ended) {
      return ended.number == answer.attempt && ended.outcome == AttemptOutcome::kUnknown;
    });
    if (execution->state == ExecutionState::kOutcomeUnknown && was_unknown) {
      // The worker of the very attempt in doubt says that it did not happen: that is known now.
      Outcome outcome{"", "", failure->error, now};
      Finish(*execution, ExecutionState::kFailed, std::move(outcome), std::nullopt,
             /*dead_letter=*/!failure->permanent && execution->run.empty());
      return Emitted();
    }
    Attempt attempt{answer.attempt, AttemptOutcome::kTaskFailed, std::move(failure->error), now,
                    std::move(answer.worker)};
    if (answer.attempt < current) {
      attempt.outcome = AttemptOutcome::kSuperseded;
      // However often it is said.
      const bool noted = std::ranges::any_of(execution->attempts, [&](const Attempt& ended) {
        return ended.number == attempt.number && (ended.outcome == AttemptOutcome::kSuperseded ||
                                                  ended.outcome == AttemptOutcome::kTaskFailed);
      });
      if (!noted) Add(AttemptRecorded{answer.id, Recorded(std::move(attempt)), {}});
      return Emitted();
    }
    FailAttempt(*execution, std::move(attempt), failure->permanent, answer.random, now);
    return Emitted();
  }

  // The first success counts, whichever delivery it comes from. Its result takes the sequence
  // behind its events.
  auto plan = MESG_TRY(
      PlanEmit(execution->source, answer.events, answer.moves, state_.Numbers().next_sequence));
  auto& success = std::get<Success>(answer.result);
  Emitted emitted = PerformEmit(std::move(plan), now);
  Outcome outcome{std::move(success.output_key), std::move(success.outputs), "", now};
  Attempt attempt{answer.attempt, AttemptOutcome::kSucceeded, "", now, std::move(answer.worker)};
  Finish(*execution, ExecutionState::kCompleted, std::move(outcome), Recorded(std::move(attempt)),
         /*dead_letter=*/false);
  return emitted;
}

Result<Reply> Engine::On(Answers&& command, TimePoint now) {
  std::vector<Result<Emitted>> accepted;
  accepted.reserve(command.answers.size());
  for (Answer& answer : command.answers) accepted.push_back(AnswerOne(std::move(answer), now));
  return Reply(std::move(accepted));
}

Result<Reply> Engine::On(EndAttempt&& command, TimePoint now) {
  const Execution* execution = state_.FindOpen(command.id);
  // An answer came first, or the attempt was ended for another reason: nothing is left to say.
  if (execution == nullptr || execution->state == ExecutionState::kOutcomeUnknown ||
      execution->CurrentAttempt() != command.attempt) {
    return Reply();
  }
  Attempt attempt{command.attempt, command.outcome, std::move(command.reason), now,
                  std::move(command.worker)};
#ifdef MESG_CANARY
  // Only in the program that proves that the simulation finds bugs: forgets that a crash leaves the
  // outcome of an `effect: once` unknown.
  const bool may_repeat = command.outcome == AttemptOutcome::kUnknown;
#else
  constexpr bool may_repeat = false;
#endif
  if (execution->effect == Effect::kOnce && execution->state == ExecutionState::kDispatched &&
      !may_repeat) {
    attempt.outcome = AttemptOutcome::kUnknown;
    BecomeUnknown(*execution, std::move(attempt), now);
  } else {
    FailAttempt(*execution, std::move(attempt), /*permanent=*/false, command.random, now);
  }
  return Reply();
}

Result<Reply> Engine::On(Cancel&& command, TimePoint now) {
  const Execution* execution = state_.FindOpen(command.id);
  if (execution == nullptr) {
    const ExecutionPtr closed = MESG_TRY(state_.Find(command.id));
    if (closed == nullptr) return NoSuchExecution(command.id);
    return AlreadyFinished(*closed);
  }
  std::string reason = command.reason.empty() ? "cancelled" : "cancelled: " + command.reason;
  Finish(*execution, ExecutionState::kCancelled, Outcome{"", "", std::move(reason), now},
         std::nullopt,
         /*dead_letter=*/false);
  return Reply(MESG_TRY(state_.Find(command.id)));
}

// ---- Dead letters ----

namespace {

Error NotADeadLetter(const ExecutionId& id) {
  return FailedPrecondition("execution {} is not a dead letter", id.Text())
      .Because("NOT_A_DEAD_LETTER");
}

}  // namespace

Result<Reply> Engine::On(RetryDeadLetter&& command, TimePoint now) {
  const ExecutionPtr before = MESG_TRY(state_.Find(command.id));
  if (before == nullptr) return NoSuchExecution(command.id);
  if (!before->dead_letter) return NotADeadLetter(command.id);
  if (!before->run.empty()) {
    return FailedPrecondition(
               "execution {} is a step of run {}, which waits for what became of it: resolve or "
               "drop it, and retry the run if it then fails",
               command.id.Text(), before->run.Text())
        .Because("STEP_OF_RUN");
  }
  const auto instance = state_.ActiveInstance(before->source->name);
  if (instance == nullptr) {
    return FailedPrecondition(
               "service \"{}\" is not deployed, so that nothing can retry execution {}",
               before->source->name, command.id.Text())
        .Because("SERVICE_NOT_FOUND");
  }
  NewExecution wanted{command.replacement, instance->source, before->task,
                      before->inputs,      before->tags,     "",
                      before->timeout,     before->retry,    TimePoint(),
                      before->priority,    before->effect,   before->traceparent};
  MESG_TRY(CheckRoom(wanted));
  if (before->state == ExecutionState::kOutcomeUnknown) {
    Finish(*before, ExecutionState::kFailed,
           Outcome{"", "",
                   fmt::format("outcome unknown, retried as {}", command.replacement.Text()), now},
           std::nullopt,
           /*dead_letter=*/false);
  } else {
    Add(DeadLetterRemoved{command.id});
  }
  const Created created = MESG_TRY(CreateOne(std::move(wanted), now, command.id));
  return Reply(created);
}

Result<Reply> Engine::On(DropDeadLetter&& command, TimePoint now) {
  const ExecutionPtr before = MESG_TRY(state_.Find(command.id));
  if (before == nullptr) return NoSuchExecution(command.id);
  if (!before->dead_letter) return NotADeadLetter(command.id);
  if (before->state == ExecutionState::kOutcomeUnknown) {
    Finish(*before, ExecutionState::kFailed, Outcome{"", "", "outcome unknown, dropped", now},
           std::nullopt,
           /*dead_letter=*/false);
  } else {
    Add(DeadLetterRemoved{command.id});
  }
  return Reply();
}

Result<Reply> Engine::On(Resolve&& command, TimePoint now) {
  const Execution* execution = state_.FindOpen(command.id);
  if (execution == nullptr || execution->state != ExecutionState::kOutcomeUnknown) {
    const ExecutionPtr any = MESG_TRY(state_.Find(command.id));
    if (any == nullptr) return NoSuchExecution(command.id);
    return FailedPrecondition(
               "execution {} is {}, only one with an unknown outcome can be resolved",
               command.id.Text(), Name(any->state))
        .Because("OUTCOME_NOT_UNKNOWN");
  }
  if (auto* success = std::get_if<Success>(&command.result)) {
    Finish(*execution, ExecutionState::kCompleted,
           Outcome{std::move(success->output_key), std::move(success->outputs), "", now},
           std::nullopt, false);
  } else {
    Finish(*execution, ExecutionState::kFailed,
           Outcome{"", "", std::move(std::get<Failure>(command.result).error), now}, std::nullopt,
           false);
  }
  return Reply(MESG_TRY(state_.Find(command.id)));
}

}  // namespace mesg::engine
