#include "daemon/address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace mesg::daemon {
namespace {

bool IsAny(std::string_view host) { return host == "*" || host == "0.0.0.0" || host == "::"; }

bool IsNumeric(const std::string& host) {
  in6_addr bytes{};  // Large enough for either.
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

}  // namespace

Result<Address> Address::Parse(std::string_view text) {
  const auto wrong = [&] {
    return InvalidArgument("must be HOST:PORT such as localhost:50052, got \"{}\"", text);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() && !brackets) host = "*";
  if (brackets != (host.find(':') != std::string_view::npos)) return wrong();
  Address address{std::string(host), 0};
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, address.port);
  if (digits.empty() || read.ec != std::errc() || read.ptr != end) return wrong();
  if (host != "localhost" && host != "*" && !IsNumeric(address.host)) {
    return InvalidArgument("must name the host as localhost, * or by a numeric address, got \"{}\"",
                           text);
  }
  return address;
}

std::string Address::Text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", host, brackets ? "]" : "", port);
}

bool Address::IsLoopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<std::vector<Address>> ParseAddresses(std::string_view text) {
  std::vector<Address> addresses;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    std::string_view one = text.substr(from, end - from);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    addresses.push_back(MESG_TRY(Address::Parse(one)));
    from = end + 1;
  }
  return addresses;
}

std::string FormatAddresses(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += (text.empty() ? "" : ",") + address.Text();
  return text;
}

std::vector<std::string> ToListen(const std::vector<Address>& addresses) {
  std::vector<std::string> numeric;
  for (const Address& address : addresses) {
    std::vector<std::string> hosts = {address.host};
    if (address.host == "localhost") hosts = {"127.0.0.1", "::1"};
    // gRPC takes every interface of both families when it is given the older one.
    if (address.host == "*") hosts = {"0.0.0.0"};
    for (const std::string& host : hosts) {
      std::string text = Address{host, address.port}.Text();
      if (std::ranges::find(numeric, text) == numeric.end()) numeric.push_back(std::move(text));
    }
  }
  return numeric;
}

Result<std::string> ToShow(const std::vector<Address>& addresses,
                           const std::vector<std::string>& listening) {
  const Address first = MESG_TRY(Address::Parse(listening.front()));
  return Address{addresses.front().host, first.port}.Text();
}

Result<std::string> ToConnect(std::string_view listening) {
  Address address = MESG_TRY(Address::Parse(listening));
  if (IsAny(address.host)) address.host = "127.0.0.1";
  return address.Text();
}

}  // namespace mesg::daemon
