#include "api/grpc/auth.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace mesg::api {
namespace {

bool StartsWithBearer(std::string_view value) {
  constexpr std::string_view kBearer = "bearer ";
  return value.size() > kBearer.size() &&
         std::equal(kBearer.begin(), kBearer.end(), value.begin(), [](char expected, char actual) {
           return expected == std::tolower(static_cast<unsigned char>(actual));
         });
}

}  // namespace

Result<broker::InstancePtr> Authenticate(const grpc::ServerContextBase& context,
                                         const broker::Broker& broker) {
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range("authorization");
  if (first == last) {
    return Unauthenticated(
               "the call needs its instance's token in the metadata (\"authorization: Bearer "
               "TOKEN\"); pass the MESG_TOKEN that `mesg service env` shows")
        .Because("TOKEN_MISSING");
  }
  const std::string_view value(first->second.data(), first->second.size());
  if (std::next(first) != last || !StartsWithBearer(value)) {
    return Unauthenticated(
               "the call's metadata \"authorization\" is not of the form \"Bearer TOKEN\"")
        .Because("TOKEN_MALFORMED");
  }
  constexpr std::size_t kBearer = 7;
  return broker.Deployed()->FindByToken(value.substr(kBearer));
}

}  // namespace mesg::api
