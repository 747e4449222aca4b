#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::app {

struct Token {
  enum class Kind : std::uint8_t {
    kEnd,
    kSymbol,    ///< `text` is it: "|", "//=", "and" is a kWord
    kWord,      ///< an identifier or a keyword
    kField,     ///< `.name`; `text` is name
    kVariable,  ///< `$name`; `text` is name
    kFormat,    ///< `@name`; `text` is name
    kNumber,    ///< `text` is a JSON number
    kString,    ///< `parts`
  };
  /// A piece of a string: what stands there, or the expression of a `\( )`.
  struct Part {
    std::string text;           ///< Unescaped; unused when there are tokens.
    std::vector<Token> tokens;  ///< Of the expression, with its kEnd; empty for text.
  };

  Kind kind = Kind::kEnd;
  std::size_t at = 0;  ///< Byte offset in the source.
  std::string text = {};
  std::vector<Part> parts = {};

  bool Is(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  bool IsWord(std::string_view word) const { return kind == Kind::kWord && text == word; }
};

/// What is wrong, and where.
struct SyntaxError {
  std::size_t at = 0;
  std::string message;
};

/// Splits jq source into tokens, the last of which is kEnd. With `until_brace`, the source goes on
/// behind the expression: it ends at the first `}` that closes nothing, and kEnd is there.
/// Strings are nested at most 16 levels.
bool Tokenize(std::string_view source, std::size_t from, bool until_brace,
              std::vector<Token>& tokens, SyntaxError& error);

/// How the token reads, for messages.
std::string Describe(const Token& token);

}  // namespace mesg::app
