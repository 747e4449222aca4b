#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/file/application_file.h"
#include "model/contract_reader.h"

namespace mesg::app {

/// Turns the tree of an application file into an ApplicationFile and gathers everything that is
/// wrong with it. Used once.
class ApplicationReader : public ContractReader {
 public:
  using ContractReader::ContractReader;

  /// When there are violations, what could be read: see ApplicationReading.
  ApplicationFile Read(const YamlNode& root);

  template <typename T>
  using Field = YamlField<ApplicationReader, T>;
  /// Definitions in application_fields.cc.
  template <typename T>
  static const std::vector<Field<T>>& Fields();

  /// A key of a step: with what it goes together, and what it takes.
  struct StepKey {
    std::string_view key;
    std::string_view action;  ///< The key of the action it belongs to; "" for every step.
    std::string_view expected;
    std::string_view meaning;
    bool IsAction() const { return key == action; }
  };
  static const std::vector<StepKey>& StepKeys();

 private:
  /// Which variables an expression may mention.
  using Variables = std::initializer_list<Variable>;

  template <typename T>
  void ReadMap(const Cursor& at, std::string_view what, T& into) {
    ReadFields(at, what, Fields<T>(), into);
  }

  // The application and its workflows (application_reader.cc).
  void ReadInputs(const Cursor& at, ApplicationFile& into);
  void ReadServices(const Cursor& at, ApplicationFile& into);
  void ReadServiceEnv(const Cursor& at, ServiceUse& into);
  void ReadName(const Cursor& at, ApplicationFile& into);
  void ReadOwnEvents(const Cursor& at, ApplicationFile& into) { ReadEvents(at, into.events); }
  void ReadWorkflows(const Cursor& at, ApplicationFile& into);
  void ReadOn(const Cursor& at, Workflow& into);
  void ReadOnEvent(const Cursor& at, Trigger& into);
  void ReadOnResult(const Cursor& at, Trigger& into);
  void ReadOnSchedule(const Cursor& at, Trigger& into);
  void ReadOnManual(const Cursor& at, Trigger& into);
  void ReadOnIf(const Cursor& at, Trigger& into);
  void ReadMissed(const Cursor& at, Trigger& into);
  void ReadJitter(const Cursor& at, Trigger& into) { ReadDuration(at, into.jitter); }
  void ReadWorkflowIf(const Cursor& at, Workflow& into);
  void ReadWorkflowSteps(const Cursor& at, Workflow& into) { ReadSteps(at, into.steps); }
  void ReadWorkflowCatch(const Cursor& at, Workflow& into);
  void ReadConcurrency(const Cursor& at, Workflow& into);
  void ReadLimit(const Cursor& at, Concurrency& into);
  void ReadConcurrencyKey(const Cursor& at, Concurrency& into);
  void ReadWhenFull(const Cursor& at, Concurrency& into);
  void ReadDedupe(const Cursor& at, Workflow& into);
  void ReadDedupeKey(const Cursor& at, Dedupe& into);
  void ReadWindow(const Cursor& at, Dedupe& into) { ReadDuration(at, into.window); }
  void ReadOrder(const Cursor& at, Workflow& into);
  void CheckWhole(const YamlNode& root, const ApplicationFile& file);

  // Steps (step_reader.cc).
  using StepMembers = std::map<std::string_view, Cursor>;
  void ReadSteps(const Cursor& at, Steps& into);
  void ReadStep(const Cursor& at, Steps& into);
  std::string_view FindAction(const Cursor& at, const StepMembers& members, bool all_known);
  void ReadCommon(const StepMembers& members, Step& into);
  Step::Action ReadAction(std::string_view action, const Cursor& at, const StepMembers& members);
  TaskStep ReadTask(const Cursor& at, const StepMembers& members);
  void ReadWith(const Cursor& step, const StepMembers& members, std::string_view what,
                Variables allowed, Mapping& into);
  BranchStep ReadBranch(const Cursor& at, const StepMembers& members);
  SwitchStep ReadSwitch(const Cursor& at, const StepMembers& members);
  ParallelStep ReadParallel(const StepMembers& members);
  ForeachStep ReadForeach(const Cursor& at, const StepMembers& members);
  WaitStep ReadWait(const Cursor& at);
  AwaitStep ReadAwait(const Cursor& at);
  void ReadAwaitEvent(const Cursor& at, AwaitStep& into);
  void ReadAwaitIf(const Cursor& at, AwaitStep& into);
  ApproveStep ReadApprove(const Cursor& at);
  void ReadApproveBy(const Cursor& at, ApproveStep& into);
  void ReadApproveDefault(const Cursor& at, ApproveStep& into);
  const Cursor* Require(const Cursor& at, const StepMembers& members, std::string_view key,
                        std::string_view what);

  // Expressions and what holds them (expression_reader.cc).
  void ReadExpression(const Cursor& at, Variables allowed, PlacedExpression& into);
  void ReadExpression(const Cursor& at, Variables allowed, std::optional<PlacedExpression>& into);
  bool ReadTemplate(const Cursor& at, Variables allowed, Template& into);
  void ReadMapping(const Cursor& at, Variables allowed, Mapping& into);
  void ReadReference(const Cursor& at, std::string_view example, Reference& into);
  bool ReadCount(const Cursor& at, std::string_view what, std::size_t most, std::size_t& into);
  void CheckVariables(const Cursor& at, const Expression& expression, Variables allowed);
  bool MayStand(Variable variable, Variables allowed) const;
  void ReportIn(const Cursor& at, const Error& error);
  bool CheckIdentifier(const Cursor& at, std::string_view name, std::string_view what);

  static constexpr int kMaxNested = 16;     ///< Steps inside steps.
  std::set<std::string, std::less<>> ids_;  ///< Of the steps of this workflow.
  std::string name_;                        ///< The application's.
  int nested_ = 0;
  int catches_ = 0;  ///< Around what is read, and so there is $error.
  int loops_ = 0;    ///< Around what is read, and so there is $item.
};

}  // namespace mesg::app
