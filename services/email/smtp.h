#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "email/config.h"
#include "email/outgoing.h"

namespace mesg::services::email {

/// What a server made of the recipients of a message it took.
struct Sent {
  struct Rejection {
    std::string address;
    int code = 0;  ///< 4xx: it might take it later. 5xx: never.
    std::string reply;
  };
  std::vector<std::string> accepted;
  std::vector<Rejection> rejected;
};

/// Sends by SMTP, over a connection of its own: blocks, at most two minutes. Any thread.
///
/// Errors: FailedPrecondition when the server refuses for good (5xx; all recipients, the sender,
/// the login, the message) or cannot be trusted; Unavailable when another try may help (4xx, no
/// connection); Cancelled once `cancelled` says so. A connection that is lost after the message was
/// sent and before it was acknowledged is Unavailable: the server may have taken it.
Result<Sent> Send(const Server& server, const Outgoing& outgoing, TimePoint now,
                  const std::function<bool()>& cancelled);

/// The outputs of task `send`.
std::string WriteOutputs(const Outgoing& outgoing, const Sent& sent);

}  // namespace mesg::services::email
