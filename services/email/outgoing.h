#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "email/address.h"
#include "email/message.h"

namespace mesg::services::email {

/// A message to send, every part checked.
struct Outgoing {
  std::string message_id;  ///< Without the angle brackets.
  Address from;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::vector<Address> bcc;
  std::vector<Address> reply_to;
  std::string subject;
  std::optional<std::string> text;
  std::optional<std::string> html;
  std::vector<Attachment> attachments;
  std::vector<std::pair<std::string, std::string>> headers;

  /// To, cc and bcc, each address once.
  std::vector<std::string> Recipients() const;
};

/// The inputs of task `send`, which Core has checked against mesg.yml. InvalidArgument names the
/// input that cannot be sent.
///
/// The message's id comes from `execution_id`, so that every attempt sends the same message.
Result<Outgoing> ReadInputs(std::string_view inputs_json, const std::optional<Address>& from,
                            std::string_view execution_id);

/// The lines of the header except those of MIME, each "Name: text", folded with CRLF, in ASCII.
std::vector<std::string> HeaderLines(const Outgoing& outgoing, TimePoint now);

/// An attachment's Content-Disposition, in ASCII.
std::string Disposition(const std::string& name);

}  // namespace mesg::services::email
