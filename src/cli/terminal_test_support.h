#pragma once

#include <sstream>
#include <string>

#include "cli/terminal.h"

namespace mesg::cli {

/// A terminal over strings, for tests.
struct TestTerminal {
  explicit TestTerminal(std::string typed = "", Terminal::Traits traits = {})
      : in(std::move(typed)), terminal(in, out, err, traits) {}

  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal;
};

}  // namespace mesg::cli
