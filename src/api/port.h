#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace mesg::api {

/// Checks that every address can be listened on, and chooses the port where it is 0: a free one,
/// the same for all. Addresses that this machine does not have (::1 without IPv6) are left out when
/// others remain.
///
/// FailedPrecondition for one that is taken or cannot be had, naming it and why; InvalidArgument
/// for what is not "HOST:PORT" with a numeric host. Somebody else may still take it before it is
/// used.
Result<std::vector<std::string>> ChoosePorts(const std::vector<std::string>& addresses);

}  // namespace mesg::api
