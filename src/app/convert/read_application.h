#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/file/application_file.h"
#include "base/result.h"

namespace mesg::app {

/// What a file that describes an application is written as.
enum class ApplicationFormat : std::uint8_t {
  kApplication,  ///< An application file.
  kProcess,      ///< A process file of the original MESG.
  kWorkflow,     ///< A workflow file as the original planned it in 2018.
};
std::string_view Name(ApplicationFormat format);  ///< "application", "process", "workflow"

/// Which nodes of the network may emit the event or perform the step, as a workflow file says it.
/// Kept for the day on which Core can follow it.
struct NodeList {
  std::string step = {};  ///< By id; "" for the trigger.
  bool allowed = false;   ///< The only ones that may, else those that may not.
  std::vector<std::string> nodes = {};
  Place place = {};
};

/// An application, from whichever format.
struct ReadApplication {
  ApplicationFile file = {};
  ApplicationFormat format = ApplicationFormat::kApplication;
  /// What somebody should know who knew the file before, each "FILE:LINE:COLUMN: path: what".
  std::vector<std::string> notes = {};
  std::vector<NodeList> node_lists = {};
  /// What the environments of services are made of: texts with expressions, by alias and variable.
  std::map<std::string, std::map<std::string, std::string>> env_texts = {};
};

/// Which format a file has, by its keys alone. Nothing when that is unclear.
std::optional<ApplicationFormat> FormatOf(std::string_view yaml);

/// Reads an application file, or a file of the original that says the same in other words
/// (docs/reference/process-files.md); which it is, its keys tell. Everything that is wrong with it
/// alone is reported at once, as ApplicationFile::Parse does. The same text gives the same
/// application, always: every place is one of the text, every name comes from it.
Result<ReadApplication> ReadAnyApplication(std::string_view yaml,
                                           std::string_view file_name = "app.yml");

}  // namespace mesg::app
