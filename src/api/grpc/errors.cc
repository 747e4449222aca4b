#include "api/grpc/errors.h"

#include <algorithm>
#include <cstddef>

#include "base/encoding.h"
#include "google/rpc/error_details.pb.h"

namespace mesg::api {
namespace {

// Clients built on gRPC's core refuse more than 8 KiB of trailers. The message is in there twice,
// once percent-encoded (up to three bytes each), the details in base64.
constexpr std::size_t kMessageBytes = 800;
constexpr std::size_t kViolationsBytes = 2'400;

/// At most `limit` bytes of it, whole characters.
std::string Cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  constexpr std::string_view kMore = " ...";
  std::size_t end = limit - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text.append(kMore);
}

void AddViolations(const Error& error, google::rpc::BadRequest& bad) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < error.violations.size(); ++i) {
    const Violation& violation = error.violations[i];
    bytes += violation.path.size() + violation.reason.size();
    auto& added = *bad.add_field_violations();
    if (bytes > kViolationsBytes && i > 0) {
      added.set_description(fmt::format("and {} more", error.violations.size() - i));
      return;
    }
    added.set_field(Cut(ToUtf8(violation.path), kMessageBytes));
    added.set_description(Cut(ToUtf8(violation.reason), kMessageBytes));
  }
}

}  // namespace

std::string ToUtf8(std::string_view text) {
  if (IsUtf8(text)) return std::string(text);
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    // Up to four bytes that are whole characters, the longest such piece.
    std::size_t length = std::min<std::size_t>(4, text.size() - at);
    while (length > 0 && !IsUtf8(text.substr(at, length))) --length;
    clean.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length));
    at += std::max<std::size_t>(length, 1);
  }
  return clean;
}

grpc::Status ToStatus(const Error& error) {
  const std::string message = Cut(ToUtf8(error.message), kMessageBytes);
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code));
  status.set_message(message);
  if (!error.reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(error.reason);
    info.set_domain("mesg");
    status.add_details()->PackFrom(info);
  }
  if (!error.violations.empty()) {
    google::rpc::BadRequest bad;
    AddViolations(error, bad);
    status.add_details()->PackFrom(bad);
  }
  return {static_cast<grpc::StatusCode>(error.code), message, status.SerializeAsString()};
}

void ToWire(const Error& error, v1::CallError& wire) {
  wire.set_code(static_cast<int>(error.code));
  wire.set_message(ToUtf8(error.message));
  wire.set_reason(error.reason);
  for (const Violation& violation : error.violations) {
    auto& added = *wire.add_violations();
    added.set_field(ToUtf8(violation.path));
    added.set_description(ToUtf8(violation.reason));
  }
}

}  // namespace mesg::api
