#pragma once

#include <string>
#include <string_view>

#include "base/directories.h"
#include "base/result.h"

namespace mesg::cli {

/// Where a Core that is started here listens: MESG_GRPC_ADDRESS, else `grpc_address` of config.yml,
/// else localhost:50052. A wildcard address becomes the loopback one, since it is to be connected
/// to.
Result<std::string> LocalAddress(const Directories::Environment& environment);

/// Where a command connects to: `flag` unless empty, else MESG_ENDPOINT, else LocalAddress.
/// InvalidArgument unless it is HOST:PORT.
Result<std::string> FindEndpoint(const std::string& flag,
                                 const Directories::Environment& environment);

/// True when HOST is this machine by its name or address: then Core sees the same folders.
bool IsLoopback(std::string_view endpoint);

/// The number behind the last colon; 0 when there is none.
int PortOf(std::string_view endpoint);

}  // namespace mesg::cli
