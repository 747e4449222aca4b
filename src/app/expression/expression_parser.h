#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/expression/lexer.h"
#include "app/expression/node.h"
#include "app/expression/parser.h"

namespace mesg::app {

/// Descends through the tokens of one expression: one function for each rule of the grammar, which
/// takes what it is made of and returns its node. Used once.
///
/// When the grammar is broken, the first such mistake is noted and the cursor stands at the end of
/// the tokens: there is nothing left to read then, and so everything returns; what it returns is of
/// no use.
class ExpressionParser {
 public:
  ExpressionParser(std::span<const std::string_view> scope, std::vector<SyntaxError>& errors);

  Parsed Run(const std::vector<Token>& tokens);

 private:
  struct Cursor {
    const std::vector<Token>* tokens;
    std::size_t next = 0;
  };
  /// How strongly operators bind, the loosest first.
  enum class Level : std::uint8_t {
    kPipe,
    kComma,
    kAlternative,
    kAssign,
    kOr,
    kAnd,
    kCompare,
    kSum,
    kProduct,
    kOperand,
  };
  /// One level of nesting, for as long as it lives.
  class Deeper {
   public:
    explicit Deeper(ExpressionParser& parser);
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    ExpressionParser& parser_;
  };

  // Tokens, nodes and names (parser.cc).
  ExpressionNodePtr Whole(const std::vector<Token>& tokens);
  const Token& Peek() const { return (*cursor_.tokens)[cursor_.next]; }
  const Token& PeekSecond() const;
  const Token& Take();
  bool Accept(std::string_view symbol);
  bool AcceptWord(std::string_view word);
  void Require(std::string_view symbol);
  void RequireWord(std::string_view word);
  ExpressionNodePtr Expected(std::string_view what);
  ExpressionNodePtr Fail(std::size_t at, std::string message);
  void SkipAll() { cursor_.next = cursor_.tokens->size() - 1; }
  void Report(std::size_t at, std::string message);
  ExpressionNodePtr Make(ExpressionNode node);
  ExpressionNodePtr Make(ExpressionNode::Kind kind, std::size_t at,
                         std::vector<ExpressionNodePtr> children, std::string text = {});
  ExpressionNodePtr Text(std::size_t at, std::string text);
  std::uint32_t Declare(std::string name);
  void Forget(std::size_t count) { variables_.resize(count); }
  std::uint32_t Slot(const Token& variable);

  // Operators, and what binds variables (operator_parser.cc).
  ExpressionNodePtr Pipe(bool comma = true);
  ExpressionNodePtr PipeOf(bool comma);
  ExpressionNodePtr Label(bool comma);
  static Level Tighter(Level level);
  ExpressionNodePtr Binary(Level level);
  static bool IsOperator(Level level, const Token& token);
  static ExpressionNode::Kind KindOf(Level level);
  ExpressionNodePtr Operand();
  ExpressionNodePtr Bind(ExpressionNodePtr source);
  Pattern ReadPattern();
  void ReadPatternMember(Pattern& into);

  // What operators stand between (term_parser.cc).
  ExpressionNodePtr Postfix();
  ExpressionNodePtr Bracket(ExpressionNodePtr target);
  ExpressionNodePtr Term();
  ExpressionNodePtr VariableTerm();
  ExpressionNodePtr SymbolTerm();
  ExpressionNodePtr FormatTerm();
  ExpressionNodePtr String(std::string format);
  ExpressionNodePtr Object();
  void ReadMember(std::vector<ExpressionNodePtr>& into);
  ExpressionNodePtr Key();

  // What begins with a word: if, try, loops, functions (word_parser.cc).
  ExpressionNodePtr WordTerm();
  ExpressionNodePtr If();
  ExpressionNodePtr Try();
  ExpressionNodePtr Loop();
  ExpressionNodePtr Break();
  ExpressionNodePtr Call(const Token& name);
  ExpressionNodePtr Expand(const Function& function,
                           const std::vector<ExpressionNodePtr>& arguments);

  std::vector<SyntaxError>& errors_;
  const std::size_t scope_size_;
  Cursor cursor_{nullptr};
  std::vector<std::pair<std::string, std::uint32_t>> variables_;
  std::vector<std::pair<std::string, std::uint32_t>> label_names_;
  std::map<std::string, ExpressionNodePtr>
      parameters_;  ///< Of the definition that is being expanded.
  std::set<std::uint32_t> used_;
  std::size_t nodes_ = 0;
  std::uint32_t slots_ = 0;
  std::uint32_t labels_ = 0;
  int depth_ = 0;
  bool needs_helper_ = false;
  bool defining_ = false;
  bool broken_ = false;
};

}  // namespace mesg::app
