#include "webhook/verdict.h"

#include <algorithm>
#include <cctype>

#include "mesg/json.h"

namespace mesg::services::webhook {

std::string_view Incoming::Header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const auto& header) {
    return std::ranges::equal(header.first, name, [](unsigned char a, unsigned char b) {
      return std::tolower(a) == std::tolower(b);
    });
  });
  return found != headers.end() ? std::string_view(found->second) : std::string_view();
}

Verdict Verdict::Refuse(int status, std::string_view why) {
  return {.answer = Reply{.request_id = {},
                          .status = status,
                          .headers = {{"Content-Type", "application/json"}},
                          .body = sdk::JsonObject().Add("error", why).Take()},
          .events = {},
          .accepted = {}};
}

Verdict Judge(const Config& config, const Incoming& incoming) {
  if (!config.secret.empty()) {
    const std::string_view signature = incoming.Header(config.header);
    if (!VerifySignature(config.algorithm, config.secret, incoming.body, signature)) {
      return Verdict::Refuse(401, "the signature in " + config.header + " is missing or wrong");
    }
  }
  return {.answer = {},
          .events = {{.id = incoming.id, .json = WriteEvent(incoming, config.hold)}},
          .accepted = {}};
}

}  // namespace mesg::services::webhook
