#include "app/expression/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

constexpr int kMaxNestedStrings = 16;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Longest first.
constexpr std::array<std::string_view, 33> kSymbols = {
    "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=",
    ">=",  "//",  "..", "|",  ",",  "+",  "-",  "*",  "/",  "%",  "=",
    "<",   ">",   "(",  ")",  "[",  "]",  "{",  "}",  ":",  ";",  ".",
};

class Lexer {
 public:
  Lexer(std::string_view source, std::size_t at, SyntaxError& error)
      : source_(source), at_(at), error_(error) {}

  /// Until the end, or until `closer` where nothing is open that it could close.
  bool Run(char closer, int nested_strings, std::vector<Token>& tokens) {
    std::size_t open = 0;
    const char opener = closer == '}' ? '{' : '(';
    for (;;) {
      SkipSpace();
      if (at_ == source_.size()) {
        if (closer == ')') return Fail(at_, "a \")\" is missing behind \"\\(\"");
        break;
      }
      const char c = source_[at_];
      if (closer != '\0' && c == closer && open == 0) break;
      if (closer != '\0' && c == opener) ++open;
      if (closer != '\0' && c == closer) --open;
      if (!Next(nested_strings, tokens)) return false;
    }
    tokens.push_back({Token::Kind::kEnd, at_});
    return true;
  }

  std::size_t at() const { return at_; }

 private:
  bool Fail(std::size_t at, std::string message) {
    error_ = {at, std::move(message)};
    return false;
  }

  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  void SkipSpace() {
    while (at_ < source_.size()) {
      if (const char c = source_[at_]; c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else if (c == '#') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else {
        return;
      }
    }
  }

  std::string Name() {
    const std::size_t start = at_;
    while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
    return std::string(source_.substr(start, at_ - start));
  }

  bool Next(int nested_strings, std::vector<Token>& tokens) {
    const std::size_t start = at_;
    const char c = Peek();
    if (IsLetter(c)) {
      tokens.push_back({Token::Kind::kWord, start, Name()});
      return true;
    }
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number(tokens);
    if (c == '"') return String(nested_strings, tokens);
    if (c == '.' && IsLetter(Peek(1))) return Named(Token::Kind::kField, tokens);
    if (c == '$' || c == '@') {
      if (!IsLetter(Peek(1))) return Fail(start, fmt::format("a name is missing behind \"{}\"", c));
      return Named(c == '$' ? Token::Kind::kVariable : Token::Kind::kFormat, tokens);
    }
    if (c == '?' && source_.substr(at_, 3) != "?//") {
      ++at_;
      tokens.push_back({Token::Kind::kSymbol, start, "?"});
      return true;
    }
    for (const std::string_view symbol : kSymbols) {
      if (!source_.substr(at_).starts_with(symbol)) continue;
      at_ += symbol.size();
      tokens.push_back({Token::Kind::kSymbol, start, std::string(symbol)});
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) {
      return Fail(start, "only a text in quotes may hold such a character");
    }
    return Fail(start, fmt::format("\"{}\" has no meaning here{}", c, Instead(c)));
  }

  // What people mean who know another language.
  static std::string_view Instead(char c) {
    switch (c) {
      case '\'':
        return ", a text stands in double quotes";
      case '&':
        return ", the word is `and`";
      case '!':
        return ", the word is `not`, behind a pipe: .ready | not";
      default:
        return "";
    }
  }

  bool Named(Token::Kind kind, std::vector<Token>& tokens) {
    const std::size_t start = at_++;
    tokens.push_back({kind, start, Name()});
    return true;
  }

  bool Number(std::vector<Token>& tokens) {
    const std::size_t start = at_;
    const auto digits = [this] {
      const std::size_t first = at_;
      while (IsDigit(Peek())) ++at_;
      return std::string(source_.substr(first, at_ - first));
    };
    std::string text = digits();
    // JSON has neither leading zeros nor a bare point.
    text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
    if (text.empty()) text = "0";
    if (Peek() == '.') {
      ++at_;
      if (const std::string fraction = digits(); !fraction.empty()) text += '.' + fraction;
    }
    if (Peek() == 'e' || Peek() == 'E') {
      const std::size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
      if (!IsDigit(Peek(1 + sign))) return Fail(at_, "digits are missing behind the exponent's e");
      text += 'e';
      ++at_;
      if (sign == 1) text += source_[at_++];
      text += digits();
    }
    tokens.push_back({Token::Kind::kNumber, start, std::move(text)});
    return true;
  }

  bool String(int nested_strings, std::vector<Token>& tokens) {
    const std::size_t start = at_++;
    if (nested_strings >= kMaxNestedStrings) {
      return Fail(start, fmt::format("texts are nested deeper than {} levels", kMaxNestedStrings));
    }
    Token token{Token::Kind::kString, start};
    std::string text;
    for (;;) {
      if (at_ == source_.size()) return Fail(start, "the text that begins here has no end");
      const char c = source_[at_++];
      if (c == '"') break;
      if (c != '\\') {
        text += c;
      } else if (Peek() == '(') {
        ++at_;
        if (!text.empty()) token.parts.push_back({std::exchange(text, {}), {}});
        Token::Part part;
        if (!Run(')', nested_strings + 1, part.tokens)) return false;
        ++at_;
        token.parts.push_back(std::move(part));
      } else if (!Escape(text)) {
        return false;
      }
    }
    if (!text.empty()) token.parts.push_back({std::move(text), {}});
    tokens.push_back(std::move(token));
    return true;
  }

  bool Escape(std::string& text) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t start = at_ - 1;
    const char c = Peek();
    if (const std::size_t i = kLetters.find(c); c != '\0' && i != std::string_view::npos) {
      ++at_;
      text += kMeanings[i];
      return true;
    }
    std::uint32_t code = 0;
    if (!CodeUnit(code)) {
      return Fail(start,
                  "no escape of a text: expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX or \\(");
    }
    if (code >= 0xD800 && code < 0xDC00) {
      std::uint32_t low = 0;
      if (Peek() != '\\' || (++at_, !CodeUnit(low)) || low < 0xDC00 || low > 0xDFFF) {
        return Fail(start,
                    "half of a character: \\uD800 to \\uDBFF need \\uDC00 to \\uDFFF behind");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return Fail(start, "half of a character: \\uDC00 to \\uDFFF need \\uD800 to \\uDBFF before");
    }
    AppendUtf8(code, text);
    return true;
  }

  bool CodeUnit(std::uint32_t& code) {
    if (Peek() != 'u' || at_ + 5 > source_.size()) return false;
    const char* const first = source_.data() + at_ + 1;
    const auto [end, error] = std::from_chars(first, first + 4, code, 16);
    if (error != std::errc() || end != first + 4) return false;
    at_ += 5;
    return true;
  }

  const std::string_view source_;
  std::size_t at_;
  SyntaxError& error_;
};

}  // namespace

bool Tokenize(std::string_view source, std::size_t from, bool until_brace,
              std::vector<Token>& tokens, SyntaxError& error) {
  return Lexer(source, from, error).Run(until_brace ? '}' : '\0', 0, tokens);
}

std::string Describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end";
    case Token::Kind::kSymbol:
    case Token::Kind::kWord:
    case Token::Kind::kNumber:
      return fmt::format("\"{}\"", token.text);
    case Token::Kind::kField:
      return fmt::format("\".{}\"", token.text);
    case Token::Kind::kVariable:
      return fmt::format("\"${}\"", token.text);
    case Token::Kind::kFormat:
      return fmt::format("\"@{}\"", token.text);
    case Token::Kind::kString:
      return "a text";
  }
  return "this";
}

}  // namespace mesg::app
