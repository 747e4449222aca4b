#include "email/address.h"

#include <algorithm>
#include <cctype>

#include "base/encoding.h"

namespace mesg::services::email {
namespace {

constexpr std::size_t kMostAddresses = 1'000;
constexpr std::size_t kMostLocal = 64;  // RFC 5321, section 4.5.3.1.
constexpr std::size_t kMostDomain = 255;

std::string_view Trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Reads a header once, from left to right, so that no nesting costs more than its length.
class Splitter {
 public:
  std::vector<Address> Split(std::string_view header) {
    for (std::size_t at = 0; at < header.size(); ++at) {
      const char c = header[at];
      if (c == '\\' && (quoted_ || comments_ > 0) && at + 1 < header.size()) {
        ++at;
        if (comments_ == 0) phrase_ += header[at];
      } else if (comments_ > 0) {
        comments_ += c == '(' ? 1 : 0;
        comments_ -= c == ')' ? 1 : 0;
      } else if (c == '"' && !in_angle_) {
        quoted_ = !quoted_;
      } else if (quoted_) {
        phrase_ += c;
      } else {
        Take(c);
      }
    }
    Finish();
    return std::move(found_);
  }

 private:
  void Take(char c) {
    if (c == '(') {
      comments_ = 1;
    } else if (c == '<') {
      in_angle_ = true;
      had_angle_ = true;
    } else if (c == '>') {
      in_angle_ = false;
    } else if (in_angle_) {
      address_ += c;
    } else if (c == ',' || c == ';') {
      Finish();
    } else if (c == ':' && !had_angle_) {
      phrase_.clear();  // The name of a group.
    } else {
      phrase_ += c;
    }
  }

  void Finish() {
    const std::string_view phrase = Trim(phrase_);
    Address address;
    if (had_angle_) {
      address = {.name = std::string(phrase), .address = std::string(Trim(address_))};
    } else {
      address.address = phrase;
    }
    const bool empty = address.address.empty() && address.name.empty();
    if (!empty && found_.size() < kMostAddresses) found_.push_back(std::move(address));
    phrase_.clear();
    address_.clear();
    in_angle_ = had_angle_ = quoted_ = false;
  }

  std::vector<Address> found_;
  std::string phrase_;
  std::string address_;
  bool quoted_ = false;
  bool in_angle_ = false;
  bool had_angle_ = false;
  std::size_t comments_ = 0;
};

bool IsLocal(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-/=?^_`{|}~.";
  return !text.empty() && text.size() <= kMostLocal && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [&](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 ||
                               kOthers.find(static_cast<char>(c)) != std::string_view::npos);
         });
}

bool IsDomain(std::string_view text) {
  const bool literal = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (literal) text = text.substr(1, text.size() - 2);
  return !text.empty() && text.size() <= kMostDomain && text.front() != '.' && text.back() != '.' &&
         text.front() != '-' && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [&](unsigned char c) {
           return c < 0x80 &&
                  (std::isalnum(c) != 0 || c == '-' || c == '.' || (literal && c == ':'));
         });
}

}  // namespace

std::vector<Address> SplitAddresses(std::string_view header) { return Splitter().Split(header); }

Result<std::vector<Address>> ParseAddresses(std::string_view what, std::string_view text) {
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return InvalidArgument("{}: holds a line break or another control character", what);
  }
  std::vector<Address> addresses = SplitAddresses(text);
  if (addresses.size() >= kMostAddresses) {
    return InvalidArgument("{}: expected fewer than {} addresses", what, kMostAddresses);
  }
  for (const Address& each : addresses) {
    const auto at = each.address.rfind('@');
    if (at == std::string::npos || !IsLocal(std::string_view(each.address).substr(0, at)) ||
        !IsDomain(std::string_view(each.address).substr(at + 1))) {
      return InvalidArgument(
          "{}: expected an address such as ann@example.com or Ann <ann@example.com>, in ASCII "
          "before and after the @, got {}",
          what, QuoteJson(Shortened(each.address, 200)));
    }
  }
  return addresses;
}

}  // namespace mesg::services::email
