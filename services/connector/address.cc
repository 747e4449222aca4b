#include "connector/address.h"

#include <algorithm>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

namespace mesg::services {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// "" when the URL has no such part; nothing when it holds what cannot be there.
std::string Part(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

std::string Address::Place() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Address> ParseAddress(std::string_view variable, const std::string& url,
                             std::initializer_list<Scheme> schemes) {
  std::string expected;
  for (const Scheme& scheme : schemes) {
    expected += fmt::format("{}{}://", expected.empty() ? "" : " or ", scheme.name);
  }
  const Error refused = InvalidArgument(
      "{}: expected {}[USER:PASSWORD@]HOST[:PORT], where special characters of a password are "
      "written %40 and the like; what came is not shown, since it may hold a password",
      variable, expected);
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                                        CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return refused;
  }
  Address address;
  address.scheme = Part(parsed.get(), CURLUPART_SCHEME, 0);
  address.user = Part(parsed.get(), CURLUPART_USER, CURLU_URLDECODE);
  address.password = Part(parsed.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  address.host = Part(parsed.get(), CURLUPART_HOST, 0);
  address.path = Part(parsed.get(), CURLUPART_PATH, 0);
  if (address.path.starts_with('/')) address.path.erase(0, 1);
  if (address.host.starts_with('[')) address.host = address.host.substr(1, address.host.size() - 2);
  const auto* const known = std::ranges::find(schemes, address.scheme, &Scheme::name);
  if (known == schemes.end() || address.host.empty()) return refused;
  const std::string port = Part(parsed.get(), CURLUPART_PORT, 0);
  // The parser has made sure that it is a number below 65,536.
  address.port = port.empty() ? known->port : static_cast<std::uint16_t>(std::stoul(port));
  return address;
}

}  // namespace mesg::services
