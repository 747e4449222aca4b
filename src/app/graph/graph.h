#pragma once

#include <string>

#include "app/file/application_file.h"

namespace mesg::app {

/// A workflow as a flowchart in the language of Mermaid, without a line end behind it. The same
/// workflow always gives the same text.
std::string Mermaid(const Workflow& workflow);

/// The same for Graphviz.
std::string Dot(const Workflow& workflow);

}  // namespace mesg::app
