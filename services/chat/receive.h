#pragma once

#include "base/clock.h"
#include "chat/config.h"
#include "webhook/server.h"

namespace mesg::services::chat {

/// What becomes of a request that says it is from the platform: event `message`, an answer that the
/// platform asks for, or a refusal when it is not proven to come from there (`config.verify`), or
/// is older than five minutes where its age is signed.
webhook::Verdict Receive(const Config& config, const webhook::Incoming& incoming, TimePoint now);

}  // namespace mesg::services::chat
