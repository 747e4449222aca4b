#include "email/outgoing.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/encoding.h"
#include "email/decode.h"
#include "mesg/json.h"

namespace mesg::services::email {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

constexpr std::size_t kMostRecipients = 500;
constexpr std::size_t kMostSubject = 2'000;
constexpr std::size_t kMostHeader = 8'000;
constexpr std::size_t kMostHeaders = 50;
constexpr std::size_t kMostAttachments = 100;
constexpr std::size_t kMostLine = 76;

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

bool IsNull(value from) {
  json_type type{};
  return from.type().get(type) == simdjson::SUCCESS && type == json_type::null;
}

Result<std::string> Text(value from, std::string_view what) {
  std::string_view text;
  if (from.get_string().get(text) != simdjson::SUCCESS) {
    return InvalidArgument("{}: expected text", what);
  }
  return std::string(text);
}

// ---- encoded as RFC 2047 and RFC 2231 have it ----

// Words of at most 75 characters, a line each, that break no character apart.
std::string EncodedWords(std::string_view text) {
  constexpr std::size_t kMostBytes = 45;
  std::string words;
  while (!text.empty()) {
    std::size_t size = std::min(kMostBytes, text.size());
    while (size < text.size() && size > 1 &&
           (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
      --size;
    }
    if (!words.empty()) words += "\r\n ";
    words += "=?UTF-8?B?" + sdk::ToBase64(text.substr(0, size)) + "?=";
    text.remove_prefix(size);
  }
  return words;
}

// Plain words, broken over lines at single spaces; nothing when that does not do.
std::optional<std::string> Folded(std::string_view text, std::size_t column) {
  if (!IsAscii(text) || text.find("=?") != std::string_view::npos) return {};
  if (column + text.size() <= kMostLine) return std::string(text);
  if (text.find("  ") != std::string_view::npos || text.ends_with(' ')) return {};
  std::string folded;
  while (!text.empty()) {
    const auto size = std::min(text.find(' '), text.size());
    if (size > kMostLine - 2) return {};
    if (folded.empty()) {
      if (column + size > kMostLine) return {};
    } else if (column + 1 + size > kMostLine) {
      folded += "\r\n ";
      column = 1;
    } else {
      folded += ' ';
      ++column;
    }
    folded += text.substr(0, size);
    column += size;
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  return folded;
}

std::string Unstructured(std::string_view name, std::string_view text) {
  const auto folded = Folded(text, name.size() + 2);
  return fmt::format("{}: {}", name, folded ? *folded : EncodedWords(text));
}

std::string Written(const Address& address) {
  if (address.name.empty()) return address.address;
  const bool atoms = std::ranges::all_of(
      address.name, [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == ' '); });
  std::string name = address.name;
  if (!IsAscii(name) || name.size() > kMostLine / 2 || name.find("=?") != std::string::npos) {
    name = EncodedWords(name);
  } else if (!atoms) {
    name = "\"";
    for (const char c : address.name)
      name += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
    name += '"';
  }
  return name + "\r\n <" + address.address + ">";
}

std::string Written(std::string_view name, const std::vector<Address>& addresses) {
  std::string line = fmt::format("{}: ", name);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    line += (i > 0 ? ",\r\n " : "") + Written(addresses[i]);
  }
  return line;
}

// Local time zones are nobody's business.
std::string DateLine(TimePoint now) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  return fmt::format("Date: {}, {} {} {} {:02}:{:02}:{:02} +0000",
                     kDays.at(std::chrono::weekday(day).c_encoding()), unsigned{date.day()},
                     kMonths.at(unsigned{date.month()} - 1), int{date.year()}, time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

// ---- the inputs ----

// Text, or a list of texts.
Result<std::vector<Address>> ReadAddresses(value from, std::string_view what) {
  simdjson::ondemand::array list;
  if (from.get_array().get(list) != simdjson::SUCCESS) {
    return ParseAddresses(what, MESG_TRY(Text(from, what)));
  }
  std::vector<Address> all;
  for (auto element : list) {
    value each;
    if (element.get(each) != simdjson::SUCCESS) return InvalidArgument("{}: broken JSON", what);
    auto some = MESG_TRY(ParseAddresses(what, MESG_TRY(Text(each, what))));
    std::ranges::move(some, std::back_inserter(all));
    if (all.size() > kMostRecipients) break;
  }
  return all;
}

bool IsOwnHeader(const std::string& lower) {
  constexpr std::array kOwn{
      "from",   "to",         "cc",       "bcc",         "reply-to",     "subject",       "date",
      "sender", "message-id", "received", "return-path", "mime-version", "dkim-signature"};
  return std::ranges::find(kOwn, lower) != kOwn.end() || lower.starts_with("content-") ||
         lower.starts_with("resent-");
}

class Reader {
 public:
  Result<void> Take(std::string_view key, value from) {
    if (IsNull(from)) return {};
    if (key == "to") {
      outgoing_.to = MESG_TRY(ReadAddresses(from, key));
    } else if (key == "cc") {
      outgoing_.cc = MESG_TRY(ReadAddresses(from, key));
    } else if (key == "bcc") {
      outgoing_.bcc = MESG_TRY(ReadAddresses(from, key));
    } else if (key == "reply_to") {
      outgoing_.reply_to = MESG_TRY(ReadAddresses(from, key));
    } else if (key == "from") {
      const auto addresses = MESG_TRY(ReadAddresses(from, key));
      if (addresses.size() != 1) return InvalidArgument("from: expected one address");
      from_ = addresses.front();
    } else if (key == "subject") {
      outgoing_.subject = MESG_TRY(Text(from, key));
    } else if (key == "text") {
      outgoing_.text = MESG_TRY(Text(from, key));
    } else if (key == "html") {
      outgoing_.html = MESG_TRY(Text(from, key));
    } else if (key == "headers") {
      return TakeHeaders(from);
    } else if (key == "attachments") {
      return TakeAttachments(from);
    }
    return {};
  }

  Result<Outgoing> Finish(const std::optional<Address>& from, std::string_view execution_id) && {
    if (!from_) from_ = from;
    if (!from_) {
      return InvalidArgument("from: expected an address; none is given and FROM is not set");
    }
    outgoing_.from = *from_;
    const auto recipients = outgoing_.Recipients();
    if (recipients.empty() || recipients.size() > kMostRecipients) {
      return InvalidArgument("to, cc, bcc: expected 1 to {} recipients, got {}", kMostRecipients,
                             recipients.size());
    }
    if (HasControl(outgoing_.subject) || outgoing_.subject.size() > kMostSubject) {
      return InvalidArgument("subject: expected one line of at most {} bytes", kMostSubject);
    }
    if (!outgoing_.text && !outgoing_.html) outgoing_.text = "";
    std::string id;
    for (const char c : execution_id) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') id += c;
    }
    const std::string& address = outgoing_.from.address;
    outgoing_.message_id = "mesg." + id + address.substr(address.rfind('@'));
    return std::move(outgoing_);
  }

 private:
  Result<void> TakeHeaders(value from) {
    simdjson::ondemand::object object;
    if (from.get_object().get(object) != simdjson::SUCCESS) {
      return InvalidArgument("headers: expected an object");
    }
    for (auto field : object) {
      std::string_view key;
      value content;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
        return InvalidArgument("headers: broken JSON");
      }
      const std::string name(key);
      if (field.value().get(content) != simdjson::SUCCESS) {
        return InvalidArgument("headers: broken JSON");
      }
      const std::string text = MESG_TRY(Text(content, "headers." + name));
      const bool named = !name.empty() && name.size() <= 60 && IsAscii(name) &&
                         name.find_first_of(": ") == std::string::npos;
      if (!named) {
        return InvalidArgument("headers: {} is not a header's name",
                               QuoteJson(Shortened(name, 100)));
      }
      if (IsOwnHeader(Lower(name))) {
        return InvalidArgument("headers.{}: is set by the service; use the input for it", name);
      }
      if (HasControl(text) || text.size() > kMostHeader) {
        return InvalidArgument("headers.{}: expected one line of at most {} bytes", name,
                               kMostHeader);
      }
      outgoing_.headers.emplace_back(name, text);
      if (outgoing_.headers.size() > kMostHeaders) {
        return InvalidArgument("headers: expected at most {}", kMostHeaders);
      }
    }
    return {};
  }

  Result<void> TakeAttachments(value from) {
    simdjson::ondemand::array list;
    if (from.get_array().get(list) != simdjson::SUCCESS) {
      return InvalidArgument("attachments: expected a list");
    }
    for (auto element : list) {
      simdjson::ondemand::object object;
      if (element.get_object().get(object) != simdjson::SUCCESS) {
        return InvalidArgument("attachments: expected objects with name and content or base64");
      }
      if (outgoing_.attachments.size() >= kMostAttachments) {
        return InvalidArgument("attachments: expected at most {}", kMostAttachments);
      }
      outgoing_.attachments.push_back(MESG_TRY(ReadAttachment(object)));
    }
    return {};
  }

  static Result<Attachment> ReadAttachment(simdjson::ondemand::object& object) {
    Attachment attachment{.name = {}, .type = {}, .bytes = {}};
    unsigned contents = 0;
    for (auto field : object) {
      std::string_view found;
      value from;
      if (field.unescaped_key().get(found) != simdjson::SUCCESS) {
        return InvalidArgument("attachments: broken JSON");
      }
      const std::string key(found);
      if (field.value().get(from) != simdjson::SUCCESS) {
        return InvalidArgument("attachments: broken JSON");
      }
      if (IsNull(from)) continue;
      if (key == "name") {
        attachment.name = MESG_TRY(Text(from, "attachments.name"));
      } else if (key == "type") {
        attachment.type = MESG_TRY(Text(from, "attachments.type"));
      } else if (key == "content") {
        attachment.bytes = MESG_TRY(Text(from, "attachments.content"));
        ++contents;
      } else if (key == "base64") {
        auto bytes = sdk::FromBase64(MESG_TRY(Text(from, "attachments.base64")));
        if (!bytes) return InvalidArgument("attachments.base64: expected base64 with padding");
        attachment.bytes = *std::move(bytes);
        ++contents;
      }
    }
    if (attachment.name.empty() || attachment.name.size() > 255 || HasControl(attachment.name)) {
      return InvalidArgument("attachments.name: expected one line of 1 to 255 bytes");
    }
    if (contents != 1) {
      return InvalidArgument("attachments: {} needs either content or base64",
                             QuoteJson(attachment.name));
    }
    if (attachment.type.empty()) attachment.type = "application/octet-stream";
    if (!IsAscii(attachment.type) || attachment.type.size() > 200 ||
        attachment.type.find('/') == std::string::npos ||
        Lower(attachment.type).starts_with("multipart/")) {
      return InvalidArgument("attachments.type: expected a type such as application/pdf, got {}",
                             QuoteJson(Shortened(attachment.type, 100)));
    }
    return attachment;
  }

  Outgoing outgoing_;
  std::optional<Address> from_;
};

}  // namespace

std::vector<std::string> Outgoing::Recipients() const {
  std::vector<std::string> all;
  for (const auto* some : {&to, &cc, &bcc}) {
    for (const Address& each : *some) {
      if (std::ranges::find(all, each.address) == all.end()) all.push_back(each.address);
    }
  }
  return all;
}

Result<Outgoing> ReadInputs(std::string_view inputs_json, const std::optional<Address>& from,
                            std::string_view execution_id) {
  const simdjson::padded_string padded(inputs_json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("the inputs are not a JSON object");
  }
  Reader reader;
  for (auto field : object) {
    std::string_view key;
    value content;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(content) != simdjson::SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    MESG_TRY(reader.Take(key, content));
  }
  return std::move(reader).Finish(from, execution_id);
}

std::vector<std::string> HeaderLines(const Outgoing& outgoing, TimePoint now) {
  std::vector<std::string> lines;
  lines.push_back(DateLine(now));
  lines.push_back(Written("From", {outgoing.from}));
  if (!outgoing.to.empty()) lines.push_back(Written("To", outgoing.to));
  if (!outgoing.cc.empty()) lines.push_back(Written("Cc", outgoing.cc));
  if (outgoing.to.empty() && outgoing.cc.empty())
    lines.emplace_back("To: undisclosed-recipients:;");
  if (!outgoing.reply_to.empty()) lines.push_back(Written("Reply-To", outgoing.reply_to));
  lines.push_back(Unstructured("Subject", outgoing.subject));
  lines.push_back("Message-ID:\r\n <" + outgoing.message_id + ">");
  for (const auto& [name, text] : outgoing.headers) lines.push_back(Unstructured(name, text));
  return lines;
}

std::string Disposition(const std::string& name) {
  const bool plain =
      name.size() <= 40 && std::ranges::all_of(name, [](unsigned char c) {
        return c < 0x80 && (std::isalnum(c) != 0 || c == ' ' || c == '.' || c == '-' || c == '_');
      });
  if (plain) return "Content-Disposition: attachment; filename=\"" + name + "\"";
  // In pieces, each on a line of its own, as RFC 2231 has it.
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::size_t kPiece = 45;
  std::string line = "Content-Disposition: attachment";
  std::string piece = "UTF-8''";
  unsigned number = 0;
  const auto flush = [&] {
    line += fmt::format(";\r\n filename*{}*={}", number++, piece);
    piece.clear();
  };
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '_')) {
      piece += c;
    } else {
      piece += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
    if (piece.size() >= kPiece) flush();
  }
  if (!piece.empty()) flush();
  return line;
}

}  // namespace mesg::services::email
