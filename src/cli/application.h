#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/variables.h"
#include "mesg/v1/applications.pb.h"

namespace mesg::cli {

/// How a file names a service.
enum class UseKind : std::uint8_t {
  kName,  ///< One that is deployed, by name or hash, or that comes with MESG.
  kPath,  ///< A folder or an archive beside the file: with a slash, or a .tar.gz.
  kUrl,
};
UseKind KindOf(const std::string& use);

/// An application file on this machine, read and checked.
struct CheckedApplication {
  std::string file;              ///< As it was given; "-" for the input.
  std::filesystem::path folder;  ///< What the paths in it count from.
  ::mesg::v1::ValidateApplicationRequest request;
  ::mesg::v1::ValidateApplicationResponse found;  ///< All that is known of it, and what is wrong.
  /// Services whose contract is not known, so that what concerns them was not checked.
  std::vector<std::string> unchecked;
  bool core_answered = true;  ///< Or was not needed.

  const ::mesg::v1::ApplicationOutline& outline() const { return found.outline(); }
  /// Where the service's folder or archive is; it is of the kind kPath.
  std::filesystem::path PathOf(const ::mesg::v1::ApplicationOutline::Use& use) const;
};

/// Reads and checks a file (of a folder, its app.yml) with the folders it names and the services
/// that come with MESG, by Core too when services stand elsewhere. Wrong is what the result says;
/// an error is only that it could not be found out.
Result<CheckedApplication> CheckApplication(const std::string& what, Context& context);

/// Each error and warning on a line of the output, "FILE:LINE:COLUMN: PATH: MESSAGE", and what was
/// not checked on the error stream.
void PrintFindings(const CheckedApplication& application, Context& context);

/// What a person should know of a file of the original, on the error stream.
void TellNotes(const CheckedApplication& application, Context& context);

/// InvalidArgument, when there are errors; they have been printed.
Result<void> Sound(const CheckedApplication& application);

/// What --set, --env and --env-file say, read as the file declares them.
struct ApplicationValues {
  std::map<std::string, std::string> inputs;  ///< JSON, by key; defaults where none was given.
  Variables env;                              ///< Only what the file mentions.
};
Result<ApplicationValues> ValuesFrom(const Arguments& arguments,
                                     const CheckedApplication& application, Context& context);
/// The options ValuesFrom reads.
std::vector<Option> ApplicationOptions();

}  // namespace mesg::cli
