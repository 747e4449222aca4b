#pragma once

#include <string>

#include "cli/command.h"
#include "cli/context.h"

namespace mesg::cli {

/// Brings a service in, with its steps shown on a terminal. `what` is a folder, a .tar.gz file, an
/// http(s) or git URL, or the name of a service that comes with Core. A folder is read by Core
/// itself, so it must be on this machine; a file is sent. Where `open` names a service already,
/// `what` is only for people.
Result<::mesg::v1::Service> Deploy(Context& context, const std::string& what,
                                   ::mesg::v1::DeployRequest::Open open);

/// What --env, --env-file, --name and --start say; shared by deploy and dev.
Result<::mesg::v1::DeployRequest::Open> OpenFrom(const Arguments& arguments, Context& context);

/// The options OpenFrom reads, but --start.
std::vector<Option> DeployOptions();

/// True for what can be the name of a service and no path, archive or URL.
bool IsName(const std::string& what);

/// The definition in the folder's mesg.yml, checked without Core. InvalidArgument names the first
/// mistake with its place.
Result<::mesg::v1::Definition> DefinitionIn(const std::string& folder, Context& context);

/// True for what names a place to fetch from, and no file: "https://...", "git@host:path".
bool IsUrl(const std::string& what);

}  // namespace mesg::cli
