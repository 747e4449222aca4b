#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/program/evaluation.h"
#include "app/program/program.h"
#include "engine/effect.h"
#include "engine/message.h"
#include "engine/record.h"
#include "engine/run_table.h"

namespace mesg::engine {

/// What a run does to the world around it.
class RunHost {
 public:
  virtual void Add(Record&& record) = 0;
  virtual void Send(std::uint16_t slot, Body&& body) = 0;
  virtual void Tell(AnyEffect effect) = 0;
  virtual const RunTable& Runs() const = 0;
  /// The commit that is being made has enough in it: what is left waits for the next one.
  virtual bool IsFull() const = 0;
  /// What a step may give, as JSON, in bytes.
  virtual std::size_t ValueBytes() const = 0;

 protected:
  ~RunHost() = default;
};

/// Which slot runs of a workflow live in: one for all when they have to take turns or be compared,
/// else any, chosen by `seed`.
std::uint16_t SlotOfRun(const std::string& application, const app::Workflow& workflow,
                        std::string_view seed);
/// What the conditions and keys of a workflow see beside what started it.
std::vector<app::Value> ScopeOfTrigger(const app::Program& program, const RunTrigger& trigger,
                                       const app::Value& data, const app::Expression& expression);
/// The same id for the same seed, always.
ExecutionId DerivedId(std::uint16_t slot, TimePoint now, std::string_view seed);
/// Of an instance or application: its name is the key.
inline std::uint16_t SlotOfName(const std::string& name) { return SlotOf(name); }

/// Moves one run: from what has just happened to where everything in it waits again. Works on a
/// copy; Finish hands it over as a fact.
///
/// A step under way is a Visit. Visits make a tree: those without children wait for something, or
/// are ready; the others are steps with steps inside. What a step comes to is told to the visit it
/// is inside of, lane by lane, up to the run itself.
class RunStepper {
 public:
  /// The program is the run's own version.
  RunStepper(RunHost& host, const app::Program& program, Run run, TimePoint now);

  // What may happen to a run. Each is ignored when the run is no longer waiting for it.
  /// Begins with the first step, or goes on where Retry or Reset brought it.
  Result<void> Begin();
  /// The same, in a turn of its own.
  Result<void> BeginLater();
  /// Something of it is due.
  Result<void> Wake();
  Result<void> OnExecution(const ExecutionEnded& ended);
  Result<void> OnRun(const RunEnded& ended);
  Result<void> OnEvent(const EventArrived& arrived);
  Result<void> OnEvaluated(std::uint32_t visit, std::uint32_t attempt,
                           Result<std::vector<app::Value>> answers);
  /// The helper's answers are lost: it is asked again.
  Result<void> AskAgain();
  /// FailedPrecondition when nothing waits for a decision there.
  Result<void> Decide(std::uint32_t visit, bool approve, const std::string& by,
                      const std::string& comment);
  /// Undoes what was done, and ends. While that goes on: ends at once.
  Result<void> Cancel(const std::string& reason);
  /// Ends with this error before any step; for triggers that could not be judged.
  Result<void> FailAtOnce(std::string error);
  /// Whether Retry, or Reset to a step, would be refused.
  Result<void> MayGoOn(const std::optional<std::string>& reset_to) const;
  /// Has it wait for its turn, to go on where it failed. FailedPrecondition when that cannot be.
  Result<void> Retry();
  /// The same, at a step, "" for the first.
  Result<void> Reset(std::string_view step);

  /// Everything that is decided becomes facts. The run as it is then.
  RunPtr Finish();

 private:
  // run_stepper.cc: the loop, and what is told to it.
  Result<void> Advance();
  Visit& Open(std::uint32_t node, std::uint32_t parent, std::uint32_t lane, std::uint32_t scope,
              Purpose purpose);
  Result<void> BeginVisit(std::uint32_t number);
  Result<void> WakeVisit(std::uint32_t number);
  void Record(const Visit& visit, StepState state, std::string inputs, std::string output,
              std::string error);
  Result<void> Complete(std::uint32_t number, std::string output, std::string inputs = "",
                        StepState state = StepState::kCompleted);
  Result<void> Skip(std::uint32_t number);
  Result<void> EndLane(std::uint32_t parent, std::uint32_t lane, std::string output);
  Result<void> Enter(std::uint32_t number, std::uint32_t block);

  // run_stepper_actions.cc: what each kind of step does when it begins.
  Result<void> Act(std::uint32_t number, const app::TaskStep& step);
  Result<void> Act(std::uint32_t number, const app::BranchStep& step);
  Result<void> Act(std::uint32_t number, const app::SwitchStep& step);
  Result<void> Act(std::uint32_t number, const app::ParallelStep& step);
  Result<void> Act(std::uint32_t number, const app::ForeachStep& step);
  Result<void> Act(std::uint32_t number, const app::SetStep& step);
  Result<void> Act(std::uint32_t number, const app::WaitStep& step);
  Result<void> Act(std::uint32_t number, const app::AwaitStep& step);
  Result<void> Act(std::uint32_t number, const app::ApproveStep& step);
  Result<void> Act(std::uint32_t number, const app::EmitStep& step);
  Result<void> Act(std::uint32_t number, const app::RunStep& step);
  Result<void> Act(std::uint32_t number, const app::StopStep& step);
  Result<void> Act(std::uint32_t number, const app::FailStep& step);
  Result<void> StartItems(std::uint32_t number);
  Result<void> EndBranch(std::uint32_t number);
  Result<void> EndItem(std::uint32_t number, std::uint32_t lane);
  Result<void> CompleteWithItems(std::uint32_t number);

  Result<std::uint32_t> NodeToResetTo(std::string_view step) const;
  Result<void> HasNoParent() const;
  void GoOn();

  // run_stepper_failure.cc: failing, catching, undoing, ending.
  Result<void> FailVisit(std::uint32_t number, StepError error, std::string inputs = "");
  Result<void> FailLane(std::uint32_t parent, std::uint32_t lane, const StepError& error);
  Result<void> FailRun(StepError error);
  bool IsHandled(std::uint32_t number, const StepError& error) const;
  bool MayRetry(const Visit& visit, const StepError& error) const;
  bool MayCatch(const Visit& visit) const;
  Result<void> Catch(std::uint32_t number, StepError error);
  Result<void> UndoNext();
  Result<void> Stop(const Visit& from, const std::string& output);
  Result<void> EndRun(RunState state, std::string output);
  bool Listens(const Visit& visit) const;
  Result<void> Hear(Visit& visit, const std::string& data);
  Result<void> Judge(std::uint32_t number, const app::AwaitStep& step);
  void StopWaiting(const Visit& visit, const std::string& reason);
  void CancelInside(std::uint32_t number, const std::string& reason);
  void CancelAll(const std::string& reason);
  StepError ErrorOf(const Visit& visit, const Error& error) const;
  StepError TooMuch(const Visit& visit) const;

  // run_stepper_scope.cc: what expressions see.
  app::Scene SceneOf(const Visit& visit) const;
  Result<std::vector<app::Value>> ScopeOf(const Visit& visit,
                                          const app::Expression& expression) const;
  Result<app::Value> StepsFor(const Visit& visit, const app::Expression& expression) const;
  Result<app::Value> ItemOf(std::uint32_t scope) const;
  app::Value ErrorFor(const Visit& visit) const;
  app::Value RunValue() const;
  /// The value of what is evaluated for a visit; nullopt when it went elsewhere: to the helper, or
  /// the step failed.
  template <typename Source>
  Result<std::optional<app::Value>> Evaluate(std::uint32_t number, const Source& source);
  /// As JSON; nothing when it is more than a step may give, of which it has failed then.
  Result<std::optional<std::string>> JsonOf(std::uint32_t number, const app::Value& value);
  Result<std::optional<app::Value>> Take(std::uint32_t number, Result<app::Evaluated>&& evaluated);

  Visit& Get(std::uint32_t number);
  const app::Node& NodeOf(const Visit& visit) const { return flow_.nodes[visit.node]; }
  std::string NameOf(const Visit& visit) const;
  void Move(Visit& visit, VisitState state);
  bool HasChildren(std::uint32_t number) const;

  RunHost& host_;
  const app::Program& program_;
  const app::Flow& flow_;
  Run run_;
  const TimePoint now_;
  app::Value input_;
  std::vector<app::Value> answers_;  // Of the helper, for the visit that goes on with them.
  std::size_t moves_ = 0;
};

}  // namespace mesg::engine
