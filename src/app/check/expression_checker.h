#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/check/check.h"
#include "app/check/type.h"

namespace mesg::app {

/// The steps that have been done on every way to a place, and what their values are.
class DoneSteps {
 public:
  const Type* Find(std::string_view id) const;
  void Add(const std::string& id, Type type);

  /// How many there are, for BackTo and Since.
  std::size_t Mark() const { return order_.size(); }
  /// Forgets what was added since; returns it.
  std::vector<std::pair<std::string, Type>> BackTo(std::size_t mark);

 private:
  std::map<std::string, Type, std::less<>> known_;
  std::vector<std::string> order_;
};

/// What is known where an expression stands. Borrows the steps.
struct Scope {
  Type data = {};                   ///< Of `.`
  Type trigger = {};                ///< Of $event.data
  Type item = {};                   ///< Of $item
  const DoneSteps* done = nullptr;  ///< Null where there are no steps.
};

/// Compares what expressions read with what there is. Borrows all it is given.
class ExpressionChecker {
 public:
  /// `whole`: nothing is wrong with the file itself. What is not there may else not have been read.
  ExpressionChecker(const ApplicationFile& file, Findings& findings, bool whole);

  /// Expressions from here on are of that workflow.
  void Enter(const Workflow& workflow);

  void Check(const Expression& expression, const Place& place, const Scope& scope);
  void Check(const PlacedExpression& placed, const Scope& scope) {
    Check(placed.expression, placed.place, scope);
  }
  void Check(const Template& text, const Place& place, const Scope& scope);

  /// What its value will be, as far as that can be told.
  Type TypeOf(const Expression& expression, const Scope& scope) const;

  bool IsUsed(const Input& input) const { return used_.contains(input.parameter.key); }

 private:
  Type Root(const PathUse& path, const Scope& scope) const;
  bool CheckStepIsDone(const std::string& id, const Place& place, const Scope& scope);
  void NoteInput(const PathUse& path);

  const ApplicationFile& file_;
  Findings& findings_;
  const bool whole_;
  ParameterSet inputs_;
  std::set<std::string, std::less<>> used_;      ///< Inputs.
  std::set<std::string, std::less<>> step_ids_;  ///< Of the workflow.
};

}  // namespace mesg::app
