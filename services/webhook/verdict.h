#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "webhook/config.h"
#include "webhook/event.h"

namespace mesg::services::webhook {

/// An event to emit.
struct Emission {
  std::string id;  ///< By which Core drops repeats.
  std::string json;
};

/// What becomes of a request: an answer at once, or events and an answer once they are durable.
struct Verdict {
  std::optional<Reply> answer;  ///< With it nothing is emitted.
  std::vector<Emission> events;
  std::optional<Reply> accepted;  ///< Unless given, 202 with the request's id.

  /// With `status` and {"error": why}.
  static Verdict Refuse(int status, std::string_view why);
};

/// What the service webhook makes of a request at `now`. The event's id is the message's when it is
/// signed as Standard Webhooks has it, a CloudEvent's source and id, else the request's own.
Verdict Judge(const Config& config, const Incoming& incoming, TimePoint now);

}  // namespace mesg::services::webhook
