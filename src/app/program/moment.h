#pragma once

#include "app/expression/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace mesg::app {

/// A point in time: a text as RFC 3339 has it ("2026-07-01T09:30:00Z", with any offset), or a
/// number of seconds since 1970. InvalidArgument for anything else.
Result<TimePoint> MomentOf(const Value& value);

}  // namespace mesg::app
