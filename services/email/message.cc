#include "email/message.h"

#include <algorithm>

#include <curl/curl.h>

#include "base/encoding.h"
#include "email/decode.h"

namespace mesg::services::email {
namespace {

constexpr unsigned kMostDepth = 20;
constexpr std::size_t kMostParts = 200;
constexpr std::size_t kMostHeaderBytes = 256 * 1024;
constexpr std::size_t kMostHeaders = 300;
constexpr std::size_t kMostHeader = 16 * 1024;

struct Field {
  std::string name;
  std::string_view text;  // Folds included.
};

std::string_view TakeLine(std::string_view& rest) {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool IsFieldName(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::ranges::all_of(name, [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != ':';
  });
}

// Leaves the body in `rest`. What is no field is skipped.
std::vector<Field> TakeFields(std::string_view& rest, bool& truncated) {
  std::vector<Field> fields;
  std::size_t bytes = 0;
  bool skipping = true;
  while (!rest.empty()) {
    const char* const begin = rest.data();
    const std::string_view line = TakeLine(rest);
    if (line.empty()) break;
    const bool folded = line.front() == ' ' || line.front() == '\t';
    bytes += line.size();
    if (bytes > kMostHeaderBytes || fields.size() >= kMostHeaders) {
      truncated = true;
      continue;
    }
    if (folded) {
      if (skipping) continue;
      const char* const start = fields.back().text.data();
      fields.back().text = {start, static_cast<std::size_t>(line.data() + line.size() - start)};
      continue;
    }
    const auto colon = line.find(':');
    std::string_view name = line.substr(0, std::min(colon, line.size()));
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    skipping = colon == std::string_view::npos || !IsFieldName(name);
    if (!skipping) {
      fields.push_back({.name = Lower(name), .text = {begin + colon + 1, line.size() - colon - 1}});
    }
  }
  for (Field& field : fields) {
    if (field.text.size() > kMostHeader) truncated = true;
    field.text = field.text.substr(0, kMostHeader);
  }
  return fields;
}

std::string_view TextOf(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found != fields.end() ? found->text : std::string_view();
}

std::vector<std::string_view> SplitParts(std::string_view body, const std::string& boundary,
                                         std::size_t most, bool& truncated) {
  const std::string delimiter = "--" + boundary;
  std::vector<std::string_view> parts;
  std::string_view rest = body;
  const char* begin = nullptr;  // Of the part that is being read.
  while (!rest.empty()) {
    const char* const start = rest.data();
    const std::string_view line = TakeLine(rest);
    if (!line.starts_with(delimiter)) continue;
    std::string_view tail = line.substr(delimiter.size());
    const bool last = tail.starts_with("--");
    if (last) tail.remove_prefix(2);
    if (tail.find_first_not_of(" \t") != std::string_view::npos) continue;
    if (begin != nullptr) {
      std::string_view part(begin, static_cast<std::size_t>(start - begin));
      if (part.ends_with('\n')) part.remove_suffix(1);  // It belongs to the delimiter.
      if (part.ends_with('\r')) part.remove_suffix(1);
      parts.push_back(part);
    }
    if (parts.size() >= most) {
      truncated = true;
      return parts;
    }
    if (last) return parts;
    begin = rest.data();
  }
  // Without an end: it was cut on the way, or its sender is careless.
  if (begin != nullptr && begin < body.data() + body.size()) {
    parts.emplace_back(begin, static_cast<std::size_t>(body.data() + body.size() - begin));
  }
  return parts;
}

// A name to show, not to trust: no folders, no control characters.
std::string SafeName(std::string_view name) {
  if (const auto slash = name.find_last_of("/\\"); slash != std::string_view::npos) {
    name.remove_prefix(slash + 1);
  }
  std::string safe;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) safe += c;
  }
  return safe == "." || safe == ".." ? std::string() : Shortened(std::move(safe), 255);
}

class PartReader {
 public:
  explicit PartReader(Message& message) : message_(message) {}

  void Read(const std::vector<Field>& fields, std::string_view body, unsigned depth) {
    if (++parts_ > kMostParts) {
      message_.truncated = true;
      return;
    }
    Structured type = ParseStructured(TextOf(fields, "content-type"));
    if (type.value.find('/') == std::string::npos) type.value = "text/plain";
    const std::string boundary = type.Parameter("boundary");
    if (type.value.starts_with("multipart/") && !boundary.empty()) {
      if (depth < kMostDepth) return ReadParts(body, boundary, depth);
      message_.truncated = true;  // It stays as it is, an attachment.
    }
    ReadLeaf(fields, type, body);
  }

 private:
  void ReadParts(std::string_view body, const std::string& boundary, unsigned depth) {
    for (std::string_view part : SplitParts(body, boundary, kMostParts, message_.truncated)) {
      const auto fields = TakeFields(part, message_.truncated);
      Read(fields, part, depth + 1);
    }
  }

  void ReadLeaf(const std::vector<Field>& fields, const Structured& type, std::string_view body) {
    const Structured disposition = ParseStructured(TextOf(fields, "content-disposition"));
    std::string name = disposition.Parameter("filename");
    if (name.empty()) name = type.Parameter("name");
    const std::string encoding = ParseStructured(TextOf(fields, "content-transfer-encoding")).value;
    std::string bytes = DecodeBody(body, encoding);
    const bool attached = disposition.value == "attachment" || !name.empty();
    if (!attached && (type.value == "text/plain" || type.value == "text/html")) {
      std::string& into = type.value == "text/html" ? message_.html : message_.text;
      if (!into.empty()) into += '\n';
      into += ToUtf8(bytes, type.Parameter("charset"));
      return;
    }
    message_.attachments.push_back(
        {.name = SafeName(name), .type = Shortened(type.value, 200), .bytes = std::move(bytes)});
  }

  Message& message_;
  std::size_t parts_ = 0;
};

std::vector<Address> Addresses(std::string_view header) {
  // Folds must not separate; encoded words may hold commas once decoded, so names come last.
  std::vector<Address> addresses = SplitAddresses(header);
  for (Address& each : addresses) {
    each.name = DecodeHeader(each.name);
    each.address = DecodeHeader(each.address);
  }
  return addresses;
}

std::string MessageId(std::string_view header) {
  const auto begin = header.find('<');
  const auto end = header.find('>', begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return DecodeHeader(header);
  return DecodeHeader(header.substr(begin + 1, end - begin - 1));
}

std::optional<std::int64_t> ParseDate(std::string_view header) {
  const std::string text = DecodeHeader(header).substr(0, 200);
  const time_t time = text.empty() ? -1 : curl_getdate(text.c_str(), nullptr);
  constexpr std::int64_t kMost = 253'402'300'799;  // The end of the year 9999.
  if (time < 0 || time > kMost) return {};
  return time;
}

}  // namespace

Message ParseMessage(std::string_view raw) {
  Message message;
  const auto fields = TakeFields(raw, message.truncated);
  for (const Field& field : fields) {
    message.headers.emplace_back(field.name, DecodeHeader(field.text));
  }
  message.message_id = MessageId(TextOf(fields, "message-id"));
  message.from = Addresses(TextOf(fields, "from"));
  message.to = Addresses(TextOf(fields, "to"));
  message.cc = Addresses(TextOf(fields, "cc"));
  message.reply_to = Addresses(TextOf(fields, "reply-to"));
  message.subject = DecodeHeader(TextOf(fields, "subject"));
  message.date = ParseDate(TextOf(fields, "date"));
  PartReader(message).Read(fields, raw, 0);
  return message;
}

}  // namespace mesg::services::email
