#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "chat/config.h"
#include "http/request.h"

namespace mesg::services::chat {

/// A message as the platform wants it.
struct Post {
  http::Request request;
  bool cut = false;  ///< The text was longer than the platform takes, and ends with an ellipsis.
};

/// The inputs of task `send`. InvalidArgument names the one that the platform cannot take.
///
/// Text goes out literally unless `format` says otherwise: what means something to the platform is
/// escaped, so that no sender of an e-mail can mention a whole channel. On Matrix, `execution_id`
/// is the transaction, so that repeated attempts are one message.
Result<Post> ReadInputs(const Config& config, std::string_view inputs_json,
                        std::string_view execution_id);

/// What the platform answered: the message's id ("" where it gives none).
///
/// FailedPrecondition when it refuses for good, Unavailable when another try may help. No error
/// shows the address, which is a secret.
Result<std::string> ReadResponse(const Config& config, const http::Response& response);

/// How long it asks to wait when it has too much to do (429); nothing when it does not say so.
std::optional<std::chrono::milliseconds> RetryAfter(const http::Response& response);

}  // namespace mesg::services::chat
