#pragma once

#include <functional>
#include <string>

#include "cli/context.h"
#include "mesg/v1/events.pb.h"

namespace mesg::cli {

/// One connection, until it ends: calls `ready` once it stands. True when nothing more is wanted.
using ListenOnce = std::function<Result<bool>(const std::function<void()>& ready)>;

/// Listens until the stop is requested (no error) or nothing more is wanted. When the connection to
/// Core ends it is made again, with pauses. An error of Core, or a first connection that fails,
/// ends it.
Result<void> KeepConnected(Context& context, const ListenOnce& listen);

/// Hears items until the stop is requested (no error) or `on_item` returns false. When the
/// connection to Core ends it is made again, with pauses, and goes on behind what was heard. An
/// error of Core, or a first connection that fails, ends it.
///
/// Items of a named subscription are acknowledged once `on_item` has returned.
Result<void> Watch(Context& context, ::mesg::v1::ListenRequest::Open open,
                   const std::function<bool(const ::mesg::v1::Item&)>& on_item);

}  // namespace mesg::cli
