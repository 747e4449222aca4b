#pragma once

#include <string>
#include <string_view>

#include "mesg/event.h"

namespace webhook_to_http {

/// The inputs of http's task `request` that pass a webhook's `request` event on to `url`: the same
/// method, body and content type. InvalidArgument when `event_json` is not such an event.
mesg::Result<std::string> CallFor(std::string_view event_json, std::string_view url);

/// "POST /orders" of a webhook's `request` event; "?" when it is not one.
std::string Describe(std::string_view event_json);

/// The HTTP status among the outputs of http's task `request`; "?" when there is none.
std::string StatusOf(std::string_view outputs_json);

}  // namespace webhook_to_http
