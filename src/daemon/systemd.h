#pragma once

#include <string_view>

namespace mesg::daemon {

/// Tells systemd how Core is doing ("READY=1", "STOPPING=1") when NOTIFY_SOCKET says where; does
/// nothing otherwise, and nothing when it fails: systemd has its own time limit.
/// Source: https://www.freedesktop.org/software/systemd/man/sd_notify.html
void NotifySystemd(std::string_view state);

}  // namespace mesg::daemon
