#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "email/address.h"

namespace mesg::services::email {

/// A part of a message that is neither its text nor its HTML.
struct Attachment {
  std::string name;  ///< "" when it has none. Never a path.
  std::string type = "application/octet-stream";
  std::string bytes;
};

/// A message that was received. All text is UTF-8.
struct Message {
  std::string message_id;
  std::vector<Address> from;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::vector<Address> reply_to;
  std::string subject;
  std::optional<std::int64_t> date;  ///< Seconds since 1970.
  std::string text;
  std::string html;
  std::vector<Attachment> attachments;
  /// Names in lower case, in order.
  std::vector<std::pair<std::string, std::string>> headers;
  bool truncated = false;  ///< More was there than is taken: headers, parts, nesting.
};

/// Reads a message of RFC 5322 and MIME as far as it can be made out; never fails. Takes time and
/// memory in proportion to `raw`, whatever it holds: nesting deeper than 20 levels and parts beyond
/// 200 become attachments or are left out, of headers 256 KiB are read.
Message ParseMessage(std::string_view raw);

}  // namespace mesg::services::email
