#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "webhook/signature.h"

namespace mesg::services::http {

/// One HTTP request to perform, every part checked.
struct Request {
  std::string method;
  std::string url;  ///< With the query.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool has_body = false;
  std::chrono::milliseconds timeout{30'000};
  int max_redirects = 10;
  std::size_t max_bytes = 1024 * 1024;
};

/// What came back.
struct Response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case, in order.
  std::string body;
  std::string url;
  std::chrono::milliseconds duration{};
};

/// The inputs of task `request`, which Core has checked against mesg.yml. InvalidArgument names the
/// input that cannot work: another scheme than http and https, a line break in a header, ...
///
/// A request that changes something gets the header Idempotency-Key with `execution_id`, unless it
/// has one, so that a server that knows it performs repeated attempts once. A CloudEvent without an
/// id, and a signature, name the message by `execution_id` too. `keys` sign where the inputs ask
/// for it; nullptr when there are none.
Result<Request> ReadInputs(std::string_view inputs_json, std::string_view execution_id,
                           const webhook::StandardKeys* keys = nullptr, TimePoint now = {});

/// The outputs of task `request`.
std::string WriteOutputs(const Response& response);

}  // namespace mesg::services::http
