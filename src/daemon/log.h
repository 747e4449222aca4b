#pragma once

#include <string_view>

namespace mesg::daemon {

/// Everything that is logged from here on goes to standard error, one line a message: as text, or
/// with `format` "json" as one object. `level` is a value of the setting log_level.
void SetUpLog(std::string_view level, std::string_view format);

}  // namespace mesg::daemon
