#include "cli/json_text.h"

#include <set>

#include "base/encoding.h"

namespace mesg::cli {
namespace {

constexpr int kMaxDepth = 128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The length of the number that `text` begins with; 0 when it begins with none.
std::size_t NumberLength(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return 0;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return 0;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return 0;
  }
  return at;
}

/// Checks one JSON text and writes it again in another layout.
class Writer {
 public:
  Writer(std::string_view text, bool indented) : text_(text), indented_(indented) {}

  /// The whole text is one value.
  Result<std::string> All() {
    MESG_TRY(Value(0));
    Blanks();
    if (at_ != text_.size()) return Wrong("the end");
    return std::move(out_);
  }

  /// The whole text is one object, whose members come apart.
  Result<JsonMembers> Members() {
    JsonMembers members;
    std::set<std::string> keys;
    if (!Take('{')) return Wrong("an object");
    if (!Take('}')) {
      do {
        const std::string key = MESG_TRY(Key(keys));
        out_.clear();
        MESG_TRY(Value(1));
        members.emplace_back(key, std::move(out_));
      } while (Take(','));
      if (!Take('}')) return Wrong("\",\" or \"}\"");
    }
    Blanks();
    if (at_ != text_.size()) return Wrong("the end");
    return members;
  }

 private:
  void Blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }

  bool Take(char c) {
    Blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Error Wrong(std::string_view expected) const {
    const std::string found = at_ >= text_.size() ? "the end" : QuoteJson(text_.substr(at_, 1));
    return InvalidArgument("not JSON: expected {} at offset {}, got {}", expected, at_, found);
  }

  void Line(int depth) {
    if (indented_) out_.append(1, '\n').append(static_cast<std::size_t>(depth) * 2, ' ');
  }

  Result<void> Value(int depth) {
    if (depth > kMaxDepth)
      return InvalidArgument("not JSON that Core takes: nested deeper than {}", kMaxDepth);
    Blanks();
    if (at_ >= text_.size()) return Wrong("a value");
    switch (text_[at_]) {
      case '{':
        return Object(depth);
      case '[':
        return Array(depth);
      case '"': {
        MESG_TRY(String());
        return {};
      }
      default:
        break;
    }
    for (const std::string_view literal : {"true", "false", "null"}) {
      if (text_.substr(at_, literal.size()) == literal) {
        out_ += literal;
        at_ += literal.size();
        return {};
      }
    }
    const std::size_t length = NumberLength(text_.substr(at_));
    if (length == 0) return Wrong("a value");
    out_ += text_.substr(at_, length);
    at_ += length;
    return {};
  }

  Result<void> Object(int depth) {
    std::set<std::string> keys;
    Take('{');
    out_ += '{';
    if (Take('}')) {
      out_ += '}';
      return {};
    }
    bool first = true;
    do {
      if (!first) out_ += ',';
      first = false;
      Line(depth + 1);
      MESG_TRY(Key(keys));
      out_ += indented_ ? ": " : ":";
      MESG_TRY(Value(depth + 1));
    } while (Take(','));
    if (!Take('}')) return Wrong("\",\" or \"}\"");
    Line(depth);
    out_ += '}';
    return {};
  }

  Result<void> Array(int depth) {
    Take('[');
    out_ += '[';
    if (Take(']')) {
      out_ += ']';
      return {};
    }
    bool first = true;
    do {
      if (!first) out_ += ',';
      first = false;
      Line(depth + 1);
      MESG_TRY(Value(depth + 1));
    } while (Take(','));
    if (!Take(']')) return Wrong("\",\" or \"]\"");
    Line(depth);
    out_ += ']';
    return {};
  }

  /// A key and its colon. The key is written, its meaning returned.
  Result<std::string> Key(std::set<std::string>& seen) {
    Blanks();
    if (at_ >= text_.size() || text_[at_] != '"') return Wrong("a key in quotes");
    std::string key = MESG_TRY(String());
    if (!Take(':')) return Wrong("\":\"");
    if (!seen.insert(key).second) return InvalidArgument("the key {} comes twice", QuoteJson(key));
    return key;
  }

  /// A string: written as it came, its meaning returned.
  Result<std::string> String() {
    const std::size_t from = at_++;
    std::string meaning;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) return Wrong("a string without control characters");
      if (c == '\\') {
        MESG_TRY(Escape(meaning));
      } else {
        meaning += c;
        ++at_;
      }
    }
    if (at_ >= text_.size()) return Wrong("the end of a string");
    ++at_;
    out_ += text_.substr(from, at_ - from);
    if (!IsUtf8(meaning))
      return InvalidArgument("not JSON: the string at offset {} is not UTF-8", from);
    return meaning;
  }

  Result<void> Escape(std::string& meaning) {
    ++at_;
    if (at_ >= text_.size()) return Wrong("the end of a string");
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t index = kNames.find(text_[at_]); index != std::string_view::npos) {
      meaning += kMeanings[index];
      ++at_;
      return {};
    }
    if (text_[at_] != 'u') return Wrong("an escape");
    unsigned code = MESG_TRY(HexDigits());
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      ++at_;
      const unsigned low = MESG_TRY(HexDigits());
      if (low < 0xDC00 || low > 0xDFFF) return Wrong("the second half of a pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      return Wrong("the other half of a surrogate pair");
    }
    AppendUtf8(code, meaning);
    return {};
  }

  /// "u" and four digits.
  Result<unsigned> HexDigits() {
    ++at_;
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ >= text_.size()) return Wrong("four hexadecimal digits");
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char lower = static_cast<char>(text_[at_] | 0x20);
      const std::size_t digit = IsDigit(text_[at_]) ? static_cast<std::size_t>(text_[at_] - '0')
                                                    : kDigits.find(lower, 10);
      if (digit == std::string_view::npos) return Wrong("four hexadecimal digits");
      code = code * 16 + static_cast<unsigned>(digit);
    }
    return code;
  }

  const std::string_view text_;
  const bool indented_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> CompactJson(std::string_view text) { return Writer(text, false).All(); }
Result<std::string> IndentedJson(std::string_view text) { return Writer(text, true).All(); }
Result<JsonMembers> ParseJsonObject(std::string_view text) { return Writer(text, false).Members(); }

std::string ToJsonObject(const JsonMembers& members) {
  std::string out = "{";
  for (const auto& [key, value] : members) {
    if (out.size() > 1) out += ',';
    out += QuoteJson(key) + ":" + value;
  }
  return out + "}";
}

bool IsJsonNumber(std::string_view text) {
  return !text.empty() && NumberLength(text) == text.size();
}

}  // namespace mesg::cli
