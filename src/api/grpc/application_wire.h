#pragma once

#include <string_view>

#include "app/file/application_file.h"
#include "mesg/v1/applications.pb.h"

/// Application files between `app` and `mesg.v1`. Any thread.
namespace mesg::api {

/// What Applications.Validate answers when nothing is deployed: what is wrong with the file, alone
/// and beside the contracts the request holds. Services without one are not looked at.
v1::ValidateApplicationResponse ValidateApplication(const v1::ValidateApplicationRequest& request);

/// What is in a file; `yaml` is the text it was read from. Of one that is not whole, its name and
/// its services. Fills a message that is empty.
void Outline(const app::ApplicationReading& reading, std::string_view yaml,
             v1::ApplicationOutline& outline);

}  // namespace mesg::api
