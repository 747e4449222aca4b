#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg::services::webhook {

/// An HTTP request as it came.
struct Incoming {
  std::string id;
  std::string method;
  std::string target;  ///< Path and query.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string remote;

  /// The first of that name, in whatever case; "" when there is none.
  std::string_view Header(std::string_view name) const;
};

/// The data of event `request`. Bytes that are not UTF-8 never reach Core as text. `cloud_event` is
/// JSON, "" when there is none.
std::string WriteEvent(const Incoming& incoming, bool held, std::string_view cloud_event = {});

/// The inputs of task `respond`.
struct Reply {
  std::string request_id;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// InvalidArgument names the input that cannot be sent: a status outside 200..599, a line break in
/// a header, a header that frames the message (Content-Length and the like are the server's).
Result<Reply> ReadReply(std::string_view inputs_json);

}  // namespace mesg::services::webhook
