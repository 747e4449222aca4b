#pragma once

#include <map>
#include <string>
#include <string_view>

namespace mesg::services::email {

/// `bytes` of a charset as UTF-8. What is broken becomes U+FFFD; a charset that is unknown is read
/// as UTF-8 where the bytes are that, else as Windows-1252. Never fails.
std::string ToUtf8(std::string_view bytes, std::string_view charset);

/// The text of a header: encoded words (RFC 2047) decoded, folds undone. Never fails.
std::string DecodeHeader(std::string_view raw);

/// A body under Content-Transfer-Encoding `encoding`; what does not belong there is skipped, and an
/// unknown encoding changes nothing.
std::string DecodeBody(std::string_view body, std::string_view encoding);

/// A structured header, Content-Type for one: the value in lower case, and parameters, decoded and
/// joined as RFC 2231 has it, under names in lower case.
struct Structured {
  std::string value;
  std::map<std::string, std::string> parameters;

  std::string Parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found != parameters.end() ? found->second : std::string();
  }
};
Structured ParseStructured(std::string_view header);

/// In ASCII.
std::string Lower(std::string_view text);

}  // namespace mesg::services::email
