#pragma once

#include "app/check/check.h"

namespace mesg::app {

/// Warns of workflows that start themselves, directly or through others: by events of the
/// application that they emit, by results of tasks that they perform, by running one another. Once
/// for each circle.
void WarnOfLoops(const ApplicationFile& file, Findings& findings);

}  // namespace mesg::app
