#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "email/imap.h"
#include "email/message.h"

namespace mesg::services::email {

/// The data of event `received`, never more than 3.5 MiB: what does not fit is cut or left out, and
/// marked. `problem` says why there is no content; "" when there is.
std::string WriteReceived(const std::string& mailbox, std::uint32_t uid_validity,
                          const Stored& stored, const Message& message, const std::string& problem,
                          std::size_t most_attachments);

/// Names a message by its bytes: the same one under another UID, which it gets when a server is
/// restored or its mail moved, has the same id.
std::string EventId(const Stored& stored);

}  // namespace mesg::services::email
