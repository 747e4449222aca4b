#include "email/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <vector>

#include <iconv.h>

#include "base/encoding.h"

namespace mesg::services::email {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kMostParameters = 64;
constexpr std::size_t kMostWord = 1'000;  // RFC 2047 has 75.

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::string FromLooseBase64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int digit = Base64Digit(c);
    if (digit < 0) continue;
    bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return bytes;
}

// With `underscore` as in encoded words, where it is a space.
std::string FromQuotedPrintable(std::string_view text, bool underscore) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '_' && underscore) {
      bytes += ' ';
    } else if (c != '=') {
      bytes += c;
    } else if (at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 && HexDigit(text[at + 2]) >= 0) {
      bytes += static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2]));
      at += 2;
    } else {  // A soft line break, perhaps behind spaces; else a stray sign that stays.
      const auto end = text.find_first_not_of(" \t\r", at + 1);
      if (end == std::string_view::npos || text[end] == '\n') {
        at = std::min(end, text.size() - 1);
      } else {
        bytes += c;
      }
    }
  }
  return bytes;
}

// An open conversion; `ok` is false for a charset nobody knows.
class Conversion {
 public:
  explicit Conversion(const std::string& charset) : handle_(iconv_open("UTF-8", charset.c_str())) {}
  ~Conversion() {
    if (ok()) iconv_close(handle_);
  }
  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;
  bool ok() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  std::string Convert(std::string_view bytes) {
    std::string input(bytes);
    char* from = input.data();
    std::size_t left = input.size();
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
      char* into = buffer.data();
      std::size_t room = buffer.size();
      const bool done = left == 0;
      // The last call brings out what a charset with states still holds.
      const std::size_t converted = done ? iconv(handle_, nullptr, nullptr, &into, &room)
                                         : iconv(handle_, &from, &left, &into, &room);
      const int error = errno;
      text.append(buffer.data(), buffer.size() - room);
      if (done) return text;
      if (converted != static_cast<std::size_t>(-1) || error == E2BIG) continue;
      text += kReplacement;
      ++from;
      --left;
    }
  }

 private:
  const iconv_t handle_;
};

bool IsCharset(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
  });
}

// One encoded word at `at`, whose end is written to `end`.
struct Word {
  std::string charset;
  std::string bytes;
};
std::optional<Word> ReadWord(std::string_view raw, std::size_t at, std::size_t& end) {
  if (raw.substr(at, 2) != "=?") return {};
  const auto first = raw.find('?', at + 2);
  if (first == std::string_view::npos || first + 2 >= raw.size() || raw[first + 2] != '?')
    return {};
  const auto size = raw.substr(first + 3, kMostWord).find("?=");
  if (size == std::string_view::npos) return {};
  const std::string_view text = raw.substr(first + 3, size);
  if (text.find_first_of("\r\n") != std::string_view::npos) return {};
  std::string_view charset = raw.substr(at + 2, first - at - 2);
  charset = charset.substr(0, charset.find('*'));  // A language, of RFC 2231.
  const char encoding = static_cast<char>(std::tolower(static_cast<unsigned char>(raw[first + 1])));
  if (!IsCharset(charset) || (encoding != 'b' && encoding != 'q')) return {};
  end = first + 3 + size + 2;
  return Word{.charset = Lower(charset),
              .bytes = encoding == 'b' ? FromLooseBase64(text) : FromQuotedPrintable(text, true)};
}

std::string Unfold(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (const char c : raw) {
    if (c != '\r' && c != '\n') text += c == '\t' ? ' ' : c;
  }
  return text;
}

// A parameter as it stands, before the parts of a long one are joined.
struct Parameter {
  std::string name;
  std::string text;
};

std::vector<Parameter> ReadParameters(std::string_view rest) {
  std::vector<Parameter> parameters;
  while (!rest.empty() && parameters.size() < kMostParameters) {
    rest.remove_prefix(std::min(rest.find_first_not_of("; \t"), rest.size()));
    const auto equals = rest.find_first_of("=;");
    if (equals == std::string_view::npos) break;
    std::string_view name = rest.substr(0, equals);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    const bool has_text = rest[equals] == '=';
    rest.remove_prefix(equals + 1);
    if (!has_text) continue;
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::string text;
    if (!rest.empty() && rest.front() == '"') {
      std::size_t at = 1;
      for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
        text += rest[at];
      }
      rest.remove_prefix(std::min(at + 1, rest.size()));
    } else {
      const auto end = std::min(rest.find_first_of("; \t"), rest.size());
      text = rest.substr(0, end);
      rest.remove_prefix(end);
    }
    parameters.push_back({.name = Lower(name), .text = std::move(text)});
  }
  return parameters;
}

std::string FromPercent(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 &&
        HexDigit(text[at + 2]) >= 0) {
      bytes += static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2]));
      at += 2;
    } else {
      bytes += text[at];
    }
  }
  return bytes;
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
  });
  return lower;
}

std::string ToUtf8(std::string_view bytes, std::string_view charset) {
  const std::string name = Lower(charset);
  const bool is_ascii = name.empty() || name == "us-ascii" || name == "ascii";
  if ((is_ascii || name == "utf-8" || name == "utf8") && IsUtf8(bytes)) return std::string(bytes);
  if (!is_ascii && IsCharset(name)) {
    if (Conversion conversion(name); conversion.ok()) return conversion.Convert(bytes);
  }
  if (IsUtf8(bytes)) return std::string(bytes);
  Conversion western("WINDOWS-1252");
  return western.ok() ? western.Convert(bytes) : std::string(kReplacement);
}

std::string DecodeHeader(std::string_view header) {
  const std::string raw = Unfold(header);
  std::string text;
  Word pending;  // Neighbours of one charset are converted as one: a character may span two.
  std::string plain;
  const auto flush_word = [&] {
    if (!pending.bytes.empty()) text += ToUtf8(pending.bytes, pending.charset);
    pending = {};
  };
  const auto flush_plain = [&] {
    text += ToUtf8(plain, "");
    plain.clear();
  };
  bool after_word = false;
  for (std::size_t at = 0; at < raw.size();) {
    std::size_t end = at;
    auto word = raw[at] == '=' ? ReadWord(raw, at, end) : std::nullopt;
    if (!word) {
      plain += raw[at++];
      continue;
    }
    const bool only_space = plain.find_first_not_of(' ') == std::string::npos;
    if (after_word && only_space) {
      plain.clear();  // Space between encoded words is none.
    } else {
      flush_word();
      flush_plain();
    }
    if (pending.charset != word->charset) flush_word();
    pending.charset = word->charset;
    pending.bytes += word->bytes;
    after_word = true;
    at = end;
  }
  flush_word();
  flush_plain();
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::string DecodeBody(std::string_view body, std::string_view encoding) {
  if (encoding == "base64") return FromLooseBase64(body);
  if (encoding == "quoted-printable") return FromQuotedPrintable(body, false);
  return std::string(body);
}

Structured ParseStructured(std::string_view header) {
  const std::string raw = Unfold(header);
  Structured structured;
  const auto end = std::min(raw.find(';'), raw.size());
  structured.value = Lower(DecodeHeader(std::string_view(raw).substr(0, end)));
  // name*0*, name*1, ...: the parts by number, whether they are escaped, and the charset.
  struct Parts {
    std::map<int, std::pair<std::string, bool>> by_number;
  };
  std::map<std::string, Parts> split;
  for (Parameter& each : ReadParameters(std::string_view(raw).substr(end))) {
    const auto star = each.name.find('*');
    if (star == std::string::npos) {
      structured.parameters.try_emplace(each.name, DecodeHeader(each.text));
      continue;
    }
    const bool escaped = each.name.back() == '*';
    int number = 0;
    for (std::size_t at = star + 1; at < each.name.size() && at < star + 4; ++at) {
      if (std::isdigit(static_cast<unsigned char>(each.name[at])) == 0) break;
      number = number * 10 + (each.name[at] - '0');
    }
    split[each.name.substr(0, star)].by_number.try_emplace(number, std::move(each.text), escaped);
  }
  for (const auto& [name, parts] : split) {
    std::string charset;
    std::string bytes;
    for (const auto& [number, part] : parts.by_number) {
      std::string_view text = part.first;
      if (part.second && number == parts.by_number.begin()->first) {  // charset'language'text
        const auto first = text.find('\'');
        const auto second = first == std::string_view::npos ? first : text.find('\'', first + 1);
        if (second != std::string_view::npos) {
          charset = text.substr(0, first);
          text.remove_prefix(second + 1);
        }
      }
      bytes += part.second ? FromPercent(text) : std::string(text);
    }
    structured.parameters.insert_or_assign(name, ToUtf8(bytes, charset));
  }
  return structured;
}

}  // namespace mesg::services::email
