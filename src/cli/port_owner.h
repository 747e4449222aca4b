#pragma once

#include <string>

namespace mesg::cli {

/// Who listens on a TCP port of this machine: "python3 (process 123)"; "another user's process"
/// when it may not be looked at; "" when nobody does.
std::string PortOwner(int port);

}  // namespace mesg::cli
