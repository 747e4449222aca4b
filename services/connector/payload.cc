#include "connector/payload.h"

#include <utility>

#include "base/encoding.h"

namespace mesg::services {
namespace {

// Text in which most characters need an escape is shorter in base64.
constexpr std::size_t kMostQuoted = 3 * 1024 * 1024;

bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

void AddPayload(sdk::JsonObject& event, std::string_view bytes) {
  std::string_view kept = bytes;
  if (bytes.size() > kMostPayload) {
    std::size_t end = kMostPayload;
    // A character is not cut in two; what has no such end nearby is no text.
    for (int back = 0; back < 3 && Continues(bytes[end]); ++back) --end;
    kept = bytes.substr(0, end);
  }
  std::string quoted = IsUtf8(kept) ? QuoteJson(kept) : std::string();
  const bool base64 = quoted.empty() || quoted.size() > kMostQuoted;
  if (base64) quoted = "\"" + sdk::ToBase64(kept) + "\"";
  event.AddRaw("payload", quoted).Add("base64", base64);
  if (kept.size() < bytes.size()) event.Add("cut", bytes.size());
}

Result<std::string> PayloadOf(const Input& payload, bool base64) {
  const bool is_text = payload.kind == Input::Kind::kText;
  if (!base64) {
    if (payload.IsNull()) return std::string();
    return is_text ? payload.text : payload.ToJson();
  }
  auto bytes = sdk::FromBase64(payload.text);
  if (!is_text || !bytes) return InvalidArgument("payload: expected base64 with padding");
  return bytes;
}

}  // namespace mesg::services
