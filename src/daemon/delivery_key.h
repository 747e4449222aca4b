#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace mesg::daemon {

/// The secret that makes delivery ids unguessable: 32 random bytes in `file`, which only its owner
/// can read. Made on the first start, whole or not at all, and the same ever after, so that a
/// worker's late answer is known again after a restart.
///
/// FailedPrecondition when it cannot be read or written, or others can read it; DataLoss when it is
/// damaged. Each says what to do.
Result<std::string> ReadOrMakeDeliveryKey(const std::filesystem::path& file);

}  // namespace mesg::daemon
