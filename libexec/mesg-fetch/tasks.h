#pragma once

#include "base/result.h"
#include "report.h"
#include "runtime/fetch/helper_protocol.h"

namespace mesg::fetch {

/// One of each HelperRequest::Task. On an error, `request.into` may be left half done.
Result<runtime::HelperDone> Unpack(const runtime::HelperRequest& request, Report& report);
Result<runtime::HelperDone> Clone(const runtime::HelperRequest& request, Report& report);
Result<runtime::HelperDone> Download(const runtime::HelperRequest& request, Report& report);

}  // namespace mesg::fetch
