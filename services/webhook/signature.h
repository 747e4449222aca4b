#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::services::webhook {

/// Whether `signature` (hex or base64, "sha256=" in front or not) is the HMAC of `body` under
/// `secret`. Takes the same time for every wrong signature of one length.
bool VerifySignature(std::string_view algorithm, std::string_view secret, std::string_view body,
                     std::string_view signature);

/// The keys of Standard Webhooks (https://www.standardwebhooks.com): "whsec_" and base64, several
/// separated by spaces while one replaces the other.
class StandardKeys {
 public:
  /// InvalidArgument, without what came, when that is no list of such keys.
  static Result<StandardKeys> Parse(std::string_view what, std::string_view text);

  /// The header webhook-signature of a message: one signature a key.
  std::string Sign(std::string_view id, std::string_view timestamp, std::string_view body) const;
  /// Why a message is refused; nothing when one of its signatures is right and it was signed within
  /// `tolerance` of `now`.
  std::optional<std::string> Refuse(std::string_view id, std::string_view timestamp,
                                    std::string_view signatures, std::string_view body,
                                    TimePoint now, Duration tolerance) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace mesg::services::webhook
