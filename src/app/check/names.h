#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/check/check.h"

namespace mesg::app {

/// ", did you mean NEAREST?", or nothing when none of `known` is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known);

/// The same; when none is near and there are few, ", expected one of" them all.
std::string Choice(std::string_view name, const std::vector<std::string_view>& known);

/// The one of `known` that is meant where other names are allowed too: nearer than that, a third of
/// the letters at most. "" when there is none, or it is one itself.
std::string_view Misspelt(std::string_view name, const std::vector<std::string_view>& known);

/// `place`, one key further in.
Place Inside(const Place& place, std::string_view key);

/// Finds what an application refers to by name, and reports what does not exist. Borrows all it is
/// given.
class Names {
 public:
  /// `whole`: nothing is wrong with the file itself. What is not there may else not have been read.
  Names(const ApplicationFile& file, const Contracts& contracts, Findings& findings, bool whole)
      : file_(file), contracts_(contracts), findings_(findings), whole_(whole) {}

  // Null when there is none, which is reported, or when its service is not known, which is not.
  const EventDefinition* Event(const Reference& reference);
  const TaskDefinition* Task(const Reference& reference);
  /// An output of a task; `task` may be null.
  const OutputDefinition* Output(const TaskDefinition* task, const Trigger& trigger);
  /// An event of the application itself.
  const EventDefinition* OwnEvent(std::string_view key, const Place& place);
  /// A workflow that another one may run.
  const Workflow* ManualWorkflow(std::string_view key, const Place& place);

  /// Compares the environment of a service with what it declares.
  void CheckEnvironment(const ServiceUse& service);

 private:
  bool IsService(const Reference& reference);
  const ServiceDefinition* Contract(const std::string& alias) const;

  const ApplicationFile& file_;
  const Contracts& contracts_;
  Findings& findings_;
  const bool whole_;
};

}  // namespace mesg::app
