#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg::services::http {

/// What a CloudEvent adds to a request.
struct CloudEventMessage {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// A CloudEvent 1.0 (https://cloudevents.io) of its JSON object, in structured or binary mode.
/// `specversion` and `id` (`default_id`) are added where they are missing. InvalidArgument names
/// the attribute that is missing or cannot be sent.
Result<CloudEventMessage> WriteCloudEvent(std::string_view json, bool structured,
                                          std::string_view default_id);

}  // namespace mesg::services::http
