#pragma once

#include <map>
#include <set>
#include <string>

#include "cli/application.h"
#include "cli/context.h"
#include "mesg/v1/applications.pb.h"

namespace mesg::cli {

/// The services an application runs with.
struct ApplicationServices {
  std::map<std::string, std::string> names;  ///< Of instances, by alias.
  /// Those that were not there before, by name.
  std::set<std::string> made;
  std::set<std::string> to_start;  ///< Deployed and not running yet, by name.
};

/// A file to deploy, with the values for it.
struct WantedApplication {
  CheckedApplication application;
  ApplicationValues values;
};
/// Reads the file and what ValuesFrom reads. What is wrong with the file has been printed when the
/// error comes; secrets it mentions that do not exist are warned of.
Result<WantedApplication> ReadWanted(const Arguments& arguments, Context& context);

/// Deploys what the file names by a path or a URL, or gives an environment of its own; what else it
/// names must be deployed, or comes with MESG. A service with an environment gets the instance name
/// APPLICATION-ALIAS, so that others may use the service in another way. None is started, but what
/// takes the place of one that runs. What was done stands in `services` also when an error ends it.
Result<void> DeployServices(const CheckedApplication& application, const ApplicationValues& values,
                            Context& context, ApplicationServices& services);

/// The names DeployServices would give, without doing anything.
Result<ApplicationServices> PlanServices(const CheckedApplication& application, Context& context);

/// Brings the application in, its services being there already; a `dry_run` only says what would
/// change.
Result<::mesg::v1::DeployApplicationResponse> DeployApplication(
    const CheckedApplication& application, const ApplicationValues& values,
    const ApplicationServices& services, bool dry_run, Context& context);

/// Starts `to_start`: behind DeployApplication, which would not hear the events of before it.
Result<void> StartServices(const ApplicationServices& services, Context& context);

/// Prints what changed and what Core warns of, for a person.
void PrintDeployment(const ::mesg::v1::DeployApplicationResponse& response, Context& context);

}  // namespace mesg::cli
