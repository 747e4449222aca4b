#pragma once

#include "cli/command.h"
#include "cli/context.h"
#include "mesg/v1/events.pb.h"

namespace mesg::cli {

/// What the listing and the watching commands share.

Option SizeOption();   ///< --limit
Option PageOption();   ///< --page
Option CountOption();  ///< --count

/// --limit and --page.
Result<::mesg::v1::Page> PageFrom(const Arguments& arguments);

/// Says how to see more, when there is more.
void TellNextPage(const std::string& token, Context& context);

/// Prints what is heard until the stop, or --count items have come.
Result<int> WatchAndPrint(const Arguments& arguments, Context& context,
                          ::mesg::v1::ListenRequest::Open open);

}  // namespace mesg::cli
