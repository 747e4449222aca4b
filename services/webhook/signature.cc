#include "webhook/signature.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::webhook {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kLeastKey = 16;  // Bytes; the specification asks for 24 to 64.
constexpr std::size_t kMostId = 256;
constexpr unsigned kMostSignatures = 20;  // That are looked at in one header.

std::string Hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data(), &size);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

// The next word between spaces; "" at the end.
std::string_view TakeWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

std::string Signed(std::string_view id, std::string_view timestamp, std::string_view body) {
  std::string text(id);
  return text.append(".").append(timestamp).append(".").append(body);
}

}  // namespace

bool VerifySignature(std::string_view algorithm, std::string_view secret, std::string_view body,
                     std::string_view signature) {
  const EVP_MD* const digest = algorithm == "sha512" ? EVP_sha512()
                               : algorithm == "sha1" ? EVP_sha1()
                                                     : EVP_sha256();
  const std::string expected = Hmac(digest, secret, body);
  const std::string prefix = std::string(algorithm) + "=";
  if (signature.starts_with(prefix)) signature.remove_prefix(prefix.size());
  if (signature.size() != expected.size() * 2) {
    return EqualSecrets(sdk::ToBase64(expected), signature);
  }
  std::string lower(signature);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return EqualSecrets(ToHex(expected), lower);
}

Result<StandardKeys> StandardKeys::Parse(std::string_view what, std::string_view text) {
  StandardKeys keys;
  for (std::string_view word = TakeWord(text); !word.empty(); word = TakeWord(text)) {
    const bool prefixed = word.starts_with(kPrefix);
    auto key = sdk::FromBase64(prefixed ? word.substr(kPrefix.size()) : std::string_view());
    if (!prefixed || !key || key->size() < kLeastKey) {
      return InvalidArgument("{}: expected whsec_ and the base64 of {} bytes or more", what,
                             kLeastKey);
    }
    keys.keys_.push_back(*std::move(key));
  }
  if (keys.keys_.empty()) return InvalidArgument("{}: expected whsec_..., it is not set", what);
  return keys;
}

std::string StandardKeys::Sign(std::string_view id, std::string_view timestamp,
                               std::string_view body) const {
  const std::string text = Signed(id, timestamp, body);
  std::string header;
  for (const std::string& key : keys_) {
    if (!header.empty()) header += ' ';
    header += "v1," + sdk::ToBase64(Hmac(EVP_sha256(), key, text));
  }
  return header;
}

std::optional<std::string> StandardKeys::Refuse(std::string_view id, std::string_view timestamp,
                                                std::string_view signatures, std::string_view body,
                                                TimePoint now, Duration tolerance) const {
  if (id.empty() || id.size() > kMostId) return "webhook-id is missing or too long";
  std::int64_t seconds = 0;
  const auto [end, error] =
      std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
  constexpr std::int64_t kMostSeconds = 253'402'300'799;  // The end of the year 9999.
  if (error != std::errc() || end != timestamp.data() + timestamp.size() || seconds < 0 ||
      seconds > kMostSeconds) {
    return "webhook-timestamp is missing or no number of seconds";
  }
  const TimePoint then = FromMicros(seconds * 1'000'000);
  if (then < now - tolerance) return "webhook-timestamp is too old";
  if (then > now + tolerance) return "webhook-timestamp is in the future";
  const std::string text = Signed(id, timestamp, body);
  std::string_view rest = signatures;
  for (unsigned i = 0; i < kMostSignatures; ++i) {
    const std::string_view word = TakeWord(rest);
    if (!word.starts_with("v1,")) continue;  // Of a version that we do not know.
    for (const std::string& key : keys_) {
      if (EqualSecrets(sdk::ToBase64(Hmac(EVP_sha256(), key, text)), word.substr(3))) return {};
    }
  }
  return "webhook-signature is missing or wrong";
}

}  // namespace mesg::services::webhook
