#include <algorithm>
#include <array>

#include <sodium.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): memmem

#include "app/expression/function_bodies.h"
#include "app/expression/functions.h"
#include "base/encoding.h"

namespace mesg::app {
namespace bodies {
namespace {

using Kind = Value::Kind;
using Arguments = std::span<const Value>;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::size_t CountCharacters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !IsContinuation(c); }));
}

// Linear in both, whatever they are.
std::size_t Find(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* const at = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

Result<void> RequireText(const Value& value, std::string_view function) {
  if (value.kind() == Kind::kString) return {};
  return InvalidArgument("{}: expected a text, got {}", function, Show(value));
}

Result<Value> WithCase(const Value& input, std::string_view function, char first, char last,
                       Meter& meter) {
  MESG_TRY(RequireText(input, function));
  MESG_TRY(meter.SpendBytes(input.text().size()));
  std::string text = input.text();
  for (char& c : text) {
    if (c >= first && c <= last) c = static_cast<char>(c ^ 0x20);
  }
  return Value::Text(std::move(text));
}

}  // namespace

Result<Value> SplitText(const std::string& text, const std::string& separator, Meter& meter) {
  MESG_TRY(meter.SpendBytes(text.size()));
  Value::List pieces;
  if (separator.empty()) {
    MESG_TRY(meter.Spend(text.size()));
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at + 1;
      while (end < text.size() && IsContinuation(text[end])) ++end;
      pieces.push_back(Value::Text(text.substr(at, end - at)));
      at = end;
    }
    return Value::Of(std::move(pieces));
  }
  if (text.empty()) return Value::Of(std::move(pieces));
  for (std::size_t at = 0;;) {
    MESG_TRY(meter.Spend(1));
    const std::size_t end = Find(text, separator, at);
    pieces.push_back(Value::Text(text.substr(at, end == std::string::npos ? end : end - at)));
    if (end == std::string::npos) return Value::Of(std::move(pieces));
    at = end + separator.size();
  }
}

Result<Value> FindIndices(const Value& in, const Value& what, Meter& meter) {
  if (in.kind() == Kind::kNull) return Value();
  Value::List found;
  if (in.kind() == Kind::kString && what.kind() == Kind::kString) {
    const std::string& text = in.text();
    if (what.text().empty()) return Value();
    MESG_TRY(meter.SpendBytes(text.size()));
    std::size_t counted = 0;
    std::size_t characters = 0;
    for (std::size_t at = Find(text, what.text(), 0); at != std::string::npos;
         at = Find(text, what.text(), at + 1)) {
      // The next search reads the occurrence again.
      MESG_TRY(meter.SpendBytes(what.text().size()));
      characters += CountCharacters(std::string_view(text).substr(counted, at - counted));
      counted = at;
      found.push_back(Value::Of(static_cast<std::int64_t>(characters)));
    }
    return Value::Of(std::move(found));
  }
  if (in.kind() != Kind::kList) {
    return InvalidArgument("cannot look for {} in {}", Show(what), Show(in));
  }
  const Value::List& list = in.list();
  const bool part = what.kind() == Kind::kList;
  const std::size_t length = part ? what.list().size() : 1;
  if (length == 0) return Value();
  for (std::size_t at = 0; at + length <= list.size(); ++at) {
    bool same = true;
    for (std::size_t i = 0; same && i < length; ++i) {
      const Value& expected = part ? what.list()[i] : what;
      MESG_TRY(meter.SpendAll(expected));
      same = list[at + i] == expected;
    }
    if (same) found.push_back(Value::Of(static_cast<std::int64_t>(at)));
  }
  return Value::Of(std::move(found));
}

Result<Value> Length(const Value& input, Arguments, Meter& meter) {
  switch (input.kind()) {
    case Kind::kNull:
      return Value::Of(std::int64_t{0});
    case Kind::kBoolean:
      return InvalidArgument("{} has no length", Show(input));
    case Kind::kNumber:
      return Abs(input, {}, meter);
    case Kind::kString:
      MESG_TRY(meter.SpendBytes(input.text().size()));
      return Value::Of(static_cast<std::int64_t>(CountCharacters(input.text())));
    case Kind::kList:
      return Value::Of(static_cast<std::int64_t>(input.list().size()));
    case Kind::kObject:
      return Value::Of(static_cast<std::int64_t>(input.object().Members().size()));
  }
  return Value();
}

Result<Value> ByteLength(const Value& input, Arguments, Meter&) {
  MESG_TRY(RequireText(input, "utf8bytelength"));
  return Value::Of(static_cast<std::int64_t>(input.text().size()));
}

Result<Value> ToString(const Value& input, Arguments, Meter& meter) {
  if (input.kind() == Kind::kString) return input;
  return ToJson(input, {}, meter);
}

Result<Value> ToJson(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(meter.SpendAll(input));
  return Value::Text(input.Json());
}

Result<Value> FromJson(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireText(input, "fromjson"));
  MESG_TRY(meter.SpendBytes(input.text().size() * 8));
  return Value::Read(input.text());
}

Result<Value> StartsWith(const Value& input, Arguments arguments, Meter&) {
  MESG_TRY(RequireText(input, "startswith"));
  MESG_TRY(RequireText(arguments[0], "startswith"));
  return Value::Boolean(input.text().starts_with(arguments[0].text()));
}

Result<Value> EndsWith(const Value& input, Arguments arguments, Meter&) {
  MESG_TRY(RequireText(input, "endswith"));
  MESG_TRY(RequireText(arguments[0], "endswith"));
  return Value::Boolean(input.text().ends_with(arguments[0].text()));
}

Result<Value> TrimPrefix(const Value& input, Arguments arguments, Meter& meter) {
  const Value& prefix = arguments[0];
  if (input.kind() != Kind::kString || prefix.kind() != Kind::kString ||
      !input.text().starts_with(prefix.text())) {
    return input;
  }
  MESG_TRY(meter.SpendBytes(input.text().size()));
  return Value::Text(input.text().substr(prefix.text().size()));
}

Result<Value> TrimSuffix(const Value& input, Arguments arguments, Meter& meter) {
  const Value& suffix = arguments[0];
  if (input.kind() != Kind::kString || suffix.kind() != Kind::kString ||
      !input.text().ends_with(suffix.text())) {
    return input;
  }
  MESG_TRY(meter.SpendBytes(input.text().size()));
  return Value::Text(input.text().substr(0, input.text().size() - suffix.text().size()));
}

Result<Value> Explode(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireText(input, "explode"));
  const std::string& text = input.text();
  MESG_TRY(meter.Spend(text.size()));
  Value::List codes;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    std::uint32_t code =
        lead < 0x80 ? lead : (lead < 0xE0 ? lead & 0x1F : (lead < 0xF0 ? lead & 0xF : lead & 7));
    while (at < text.size() && IsContinuation(text[at])) {
      code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
    }
    codes.push_back(Value::Of(static_cast<std::int64_t>(code)));
  }
  return Value::Of(std::move(codes));
}

Result<Value> Implode(const Value& input, Arguments, Meter& meter) {
  if (input.kind() != Kind::kList) {
    return InvalidArgument("implode: expected a list of code points, got {}", Show(input));
  }
  MESG_TRY(meter.Spend(input.list().size()));
  std::string text;
  for (const Value& item : input.list()) {
    const auto code =
        item.kind() == Kind::kNumber ? item.number().ToInt64() : std::optional<std::int64_t>();
    if (!code || *code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
      return InvalidArgument("implode: {} is no code point", Show(item));
    }
    AppendUtf8(static_cast<std::uint32_t>(*code), text);
  }
  return Value::Text(std::move(text));
}

Result<Value> Split(const Value& input, Arguments arguments, Meter& meter) {
  MESG_TRY(RequireText(input, "split"));
  MESG_TRY(RequireText(arguments[0], "split"));
  return SplitText(input.text(), arguments[0].text(), meter);
}

Result<Value> Join(const Value& input, Arguments arguments, Meter& meter) {
  if (input.kind() != Kind::kList) {
    return InvalidArgument("join: expected a list, got {}", Show(input));
  }
  std::string joined;
  bool first = true;
  for (const Value& item : input.list()) {
    if (!std::exchange(first, false)) {
      MESG_TRY(RequireText(arguments[0], "join"));
      joined += arguments[0].text();
      MESG_TRY(meter.SpendBytes(arguments[0].text().size()));
    }
    if (item.kind() == Kind::kList || item.kind() == Kind::kObject) {
      return InvalidArgument("join: {} is no text", Show(item));
    }
    if (item.kind() == Kind::kNull) continue;
    const std::string text = ToText(item);
    MESG_TRY(meter.SpendBytes(text.size()));
    joined += text;
  }
  return Value::Text(std::move(joined));
}

Result<Value> Downcase(const Value& input, Arguments, Meter& meter) {
  return WithCase(input, "ascii_downcase", 'A', 'Z', meter);
}
Result<Value> Upcase(const Value& input, Arguments, Meter& meter) {
  return WithCase(input, "ascii_upcase", 'a', 'z', meter);
}

Result<Value> Indices(const Value& input, Arguments arguments, Meter& meter) {
  return FindIndices(input, arguments[0], meter);
}
Result<Value> FirstIndex(const Value& input, Arguments arguments, Meter& meter) {
  const Value found = MESG_TRY(FindIndices(input, arguments[0], meter));
  if (found.kind() != Kind::kList || found.list().empty()) return Value();
  return found.list().front();
}
Result<Value> LastIndex(const Value& input, Arguments arguments, Meter& meter) {
  const Value found = MESG_TRY(FindIndices(input, arguments[0], meter));
  if (found.kind() != Kind::kList || found.list().empty()) return Value();
  return found.list().back();
}

Result<Value> FormatAs(const Value& input, Arguments arguments, Meter& meter) {
  MESG_TRY(RequireText(arguments[0], "format"));
  if (PlaceOfFormat(arguments[0].text()) != Function::Place::kHere) {
    return InvalidArgument("format: \"{}\" is not known here, write @{} instead",
                           arguments[0].text(), arguments[0].text());
  }
  return Value::Text(MESG_TRY(Format(arguments[0].text(), input, meter)));
}

}  // namespace bodies

namespace {

std::string ToBase64(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // The zero that libsodium ends it with.
  return text;
}

// RFC 3986: everything but the unreserved characters as %XX.
std::string EscapeUri(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      escaped += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      escaped += '%';
      escaped += kDigits[byte >> 4];
      escaped += kDigits[byte & 0xF];
    }
  }
  return escaped;
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string ToText(const Value& value) {
  return value.kind() == Value::Kind::kString ? value.text() : value.Json();
}

Function::Place PlaceOfFormat(std::string_view format) {
  constexpr std::array<std::string_view, 5> kHere = {"text", "json", "base64", "uri", "html"};
  constexpr std::array<std::string_view, 4> kHelper = {"base64d", "csv", "tsv", "sh"};
  if (std::ranges::find(kHere, format) != kHere.end()) return Function::Place::kHere;
  if (std::ranges::find(kHelper, format) != kHelper.end()) return Function::Place::kHelper;
  return Function::Place::kRefused;
}

Result<std::string> Format(std::string_view format, const Value& value, Meter& meter) {
  MESG_TRY(meter.SpendAll(value));
  if (format == "json") return value.Json();
  const std::string text = ToText(value);
  MESG_TRY(meter.SpendBytes(text.size()));
  if (format == "base64") return ToBase64(text);
  if (format == "uri") return EscapeUri(text);
  if (format == "html") return EscapeHtml(text);
  return text;
}

}  // namespace mesg::app
