#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "webhook/event.h"

namespace mesg::services::webhook {

/// A CloudEvent (https://cloudevents.io, 1.0) that came by HTTP.
struct CloudEvent {
  std::string id;
  std::string source;
  std::string json;  ///< In the JSON event format, in one line.
};

/// The CloudEvent in a request, in binary mode (headers ce-...) or structured mode
/// (application/cloudevents+json); nothing when there is none, or a batch. InvalidArgument when it
/// says it is one and lacks what 1.0 requires.
Result<std::optional<CloudEvent>> ReadCloudEvent(const Incoming& incoming);

}  // namespace mesg::services::webhook
