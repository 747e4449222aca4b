#include "webhook/verdict.h"

#include <algorithm>
#include <cctype>

#include "base/encoding.h"
#include "mesg/json.h"
#include "webhook/cloud_event.h"
#include "webhook/signature.h"

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

Verdict Judge(const Config& config, const Incoming& incoming, TimePoint now) {
  std::string id = incoming.id;
  if (config.standard) {
    const std::string_view given = incoming.Header("webhook-id");
    const auto refusal = config.standard->Refuse(given, incoming.Header("webhook-timestamp"),
                                                 incoming.Header("webhook-signature"),
                                                 incoming.body, now, config.tolerance);
    if (refusal) return Verdict::Refuse(401, *refusal);
    id = "webhook-" + ToHex(Sha256(given));
  } else if (!config.secret.empty()) {
    const std::string_view signature = incoming.Header(config.header);
    if (!VerifySignature(config.algorithm, config.secret, incoming.body, signature)) {
      return Verdict::Refuse(401, "the signature in " + config.header + " is missing or wrong");
    }
  }
  const auto cloud_event = ReadCloudEvent(incoming);
  if (!cloud_event) return Verdict::Refuse(400, cloud_event.error().message);
  std::string json;
  if (*cloud_event) {
    json = (*cloud_event)->json;
    // What was signed names the message; what was not is named by source and id.
    const std::string name = QuoteJson((*cloud_event)->source) + QuoteJson((*cloud_event)->id);
    if (!config.standard) id = "cloudevent-" + ToHex(Sha256(name));
  }
  // A held request is answered by its own event, so repeats have theirs.
  if (config.hold) id = incoming.id;
  return {.answer = {},
          .events = {{.id = std::move(id), .json = WriteEvent(incoming, config.hold, json)}},
          .accepted = {}};
}

}  // namespace mesg::services::webhook
