#pragma once

#include <vector>

#include "app/check/check.h"
#include "app/check/expression_checker.h"

namespace mesg::app {

/// Compares the data of a file, expressions in it included, with what is declared. Borrows all it
/// is given.
class DataChecker {
 public:
  DataChecker(ExpressionChecker& expressions, Findings& findings)
      : expressions_(expressions), findings_(findings) {}

  /// `with` against what is declared; null when that is not known. `place` is of what it belongs
  /// to, for what is missing in one that is not there at all.
  void Check(const Mapping& with, const ParameterSet* declared, const Place& place,
             const Scope& scope);
  /// A literal against one parameter.
  void Check(const Value& literal, const Parameter& parameter, const Place& place);

  /// What the value will be, as far as that can be told.
  Type TypeOf(const Mapping& mapping, const Scope& scope) const;

 private:
  void CheckMembers(const Mapping& with, const std::vector<Parameter>& declared, bool additional,
                    const Place& place, const Scope& scope);
  void CheckValue(const Mapping& value, const Parameter& parameter, const Scope& scope);

  ExpressionChecker& expressions_;
  Findings& findings_;
};

}  // namespace mesg::app
