#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/file/application_file.h"
#include "base/result.h"
#include "model/service_definition.h"

namespace mesg::app {

/// The contracts of the services an application uses, by alias. One that is not there was not
/// found: what concerns it alone is not checked.
using Contracts = std::map<std::string, const ServiceDefinition*, std::less<>>;

/// What is wrong with an application beside the services it uses.
struct Findings {
  std::vector<Violation> errors;    ///< It cannot be deployed.
  std::vector<Violation> warnings;  ///< It can, but is this meant?
  std::size_t not_listed = 0;       ///< Errors beyond the first hundred.

  /// `reason` gives the text; it is asked only while there is room.
  template <typename Reason>
  void Report(const Place& place, const Reason& reason) {
    if (errors.size() < kMostListed) {
      errors.push_back({place.path, std::string(reason()), place.line, place.column});
    } else {
      ++not_listed;
    }
  }
  void Warn(const Place& place, std::string reason);
  bool HasAllWarnings() const { return warnings.size() >= kMostListed; }

  static constexpr std::size_t kMostListed = 100;
};

/// Compares an application with its services: services, events, tasks, workflows and fields that do
/// not exist, with the nearest name; inputs of tasks that are missing, unknown or of another type;
/// steps that are referred to where they have not been done on every way; steps that are never
/// reached; schedules that are none. Warns of inputs nobody uses and of workflows that start
/// themselves or one another. Everything at once, in the order of the file.
Findings Check(const ApplicationFile& file, const Contracts& contracts);

/// The same for as much as could be read of a file, with what is wrong with the file alone among
/// the errors. What may follow from that only is not said, and nothing is warned of.
Findings Check(const ApplicationReading& reading, const Contracts& contracts);

}  // namespace mesg::app
