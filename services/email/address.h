#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::services::email {

/// A mailbox as a header names it: "Ann <ann@example.com>". The name may be "".
struct Address {
  std::string name;
  std::string address;
};

/// The addresses of a header such as To, as far as they can be made out; never fails. Comments go,
/// groups are taken apart, names keep their encoding (RFC 2047). At most 1,000.
std::vector<Address> SplitAddresses(std::string_view header);

/// Addresses to send to, of text such as "ann@example.com, Bob <bob@example.com>". InvalidArgument
/// says which one is none; `what` names the input.
Result<std::vector<Address>> ParseAddresses(std::string_view what, std::string_view text);

}  // namespace mesg::services::email
