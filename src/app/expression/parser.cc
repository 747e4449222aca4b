#include "app/expression/parser.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

using Kind = Node::Kind;

constexpr std::size_t kMaxNodes = 2000;
constexpr int kMaxDepth = 100;

// How strongly operators bind, the loosest first.
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

Level Next(Level level) { return static_cast<Level>(static_cast<int>(level) + 1); }

constexpr std::array<std::string_view, 9> kAssignments = {
    "=", "|=", "+=", "-=", "*=", "/=", "%=", "//="};
constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
constexpr std::array<std::string_view, 11> kKeywords = {
    "as", "and", "or", "if", "then", "elif", "else", "end", "reduce", "foreach", "catch"};

template <typename List>
bool Among(const List& list, const Token& token) {
  return token.kind == Token::Kind::kSymbol && std::ranges::find(list, token.text) != list.end();
}

class Parser {
 public:
  Parser(std::span<const std::string_view> scope, std::vector<SyntaxError>& errors)
      : errors_(errors), scope_size_(scope.size()) {
    for (const std::string_view name : scope) Declare(std::string(name));
  }

  Parsed Run(const std::vector<Token>& tokens) {
    Parsed parsed;
    parsed.root = Whole(tokens);
    parsed.scope_size = static_cast<std::uint32_t>(scope_size_);
    parsed.slots = slots_;
    parsed.labels = labels_;
    parsed.needs_helper = needs_helper_;
    parsed.used.assign(used_.begin(), used_.end());
    return parsed;
  }

 private:
  struct Cursor {
    const std::vector<Token>* tokens;
    std::size_t next = 0;
  };

  // A whole token list: a string's inner expressions and definitions are parsed in the middle of
  // another one.
  NodePtr Whole(const std::vector<Token>& tokens) {
    const Cursor outer = std::exchange(cursor_, Cursor{&tokens});
    NodePtr node = Pipe();
    if (Peek().kind != Token::Kind::kEnd) Expected("an operator or the end");
    cursor_ = outer;
    if (broken_ && cursor_.tokens != nullptr) SkipAll();
    return node;
  }

  // --- tokens
  const Token& Peek() const { return (*cursor_.tokens)[cursor_.next]; }
  const Token& PeekSecond() const {
    return (*cursor_.tokens)[std::min(cursor_.next + 1, cursor_.tokens->size() - 1)];
  }
  const Token& Take() {
    const Token& token = Peek();
    if (token.kind != Token::Kind::kEnd) ++cursor_.next;
    return token;
  }
  bool Accept(std::string_view symbol) {
    if (!Peek().Is(symbol)) return false;
    Take();
    return true;
  }
  bool AcceptWord(std::string_view word) {
    if (!Peek().IsWord(word)) return false;
    Take();
    return true;
  }
  NodePtr Expected(std::string_view what) {
    return Fail(Peek().at, fmt::format("expected {}, got {}", what, Describe(Peek())));
  }
  // The grammar is broken here. There is nothing left to read then, and so everything returns;
  // what it returns is of no use.
  NodePtr Fail(std::size_t at, std::string message) {
    if (!std::exchange(broken_, true)) errors_.push_back({at, std::move(message)});
    SkipAll();
    return nullptr;
  }
  void SkipAll() { cursor_.next = cursor_.tokens->size() - 1; }
  void Require(std::string_view symbol) {
    if (!Accept(symbol)) Expected(fmt::format("\"{}\"", symbol));
  }
  void RequireWord(std::string_view word) {
    if (!AcceptWord(word)) Expected(fmt::format("\"{}\"", word));
  }
  void Report(std::size_t at, std::string message) {
    if (!broken_) errors_.push_back({at, std::move(message)});
  }

  // --- nodes
  NodePtr Make(Node node) {
    if (++nodes_ > kMaxNodes) {
      return Fail(node.at, fmt::format("the expression has more than {} parts", kMaxNodes));
    }
    return std::make_shared<const Node>(std::move(node));
  }
  NodePtr Make(Kind kind, std::size_t at, std::vector<NodePtr> children, std::string text = {}) {
    return Make({.kind = kind, .at = at, .text = std::move(text), .children = std::move(children)});
  }
  NodePtr Text(std::size_t at, std::string text) {
    return Make({.kind = Kind::kLiteral, .at = at, .literal = Value::Text(std::move(text))});
  }

  // --- names
  std::uint32_t Declare(std::string name) {
    variables_.emplace_back(std::move(name), slots_);
    return slots_++;
  }
  void Forget(std::size_t count) { variables_.resize(count); }

  std::uint32_t Variable(const Token& token) {
    const auto found = std::ranges::find(variables_.rbegin(), variables_.rend(), token.text,
                                         &std::pair<std::string, std::uint32_t>::first);
    if (found != variables_.rend()) {
      if (found->second < scope_size_) used_.insert(found->second);
      return found->second;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, slot] : variables_) names.push_back(name);
    const std::string_view near = Nearest(token.text, names);
    if (token.text == "ENV" || token.text == "__loc__" || token.text == "__prog_args") {
      Report(token.at, fmt::format("${} is not available in expressions", token.text));
    } else if (near.empty()) {
      Report(token.at, fmt::format("unknown variable ${}", token.text));
    } else {
      Report(token.at, fmt::format("unknown variable ${}, did you mean ${}?", token.text, near));
    }
    return 0;
  }

  // --- operators
  class Deeper {
   public:
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) {
        parser_.Fail(parser_.Peek().at,
                     fmt::format("the expression is nested deeper than {} levels", kMaxDepth));
      }
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Parser& parser_;
  };

  // pipe := "label" $name "|" pipe | alternatives { "|" alternatives }, and a variable that is
  // bound on the way is known in all that follows.
  NodePtr Pipe(bool comma = true) {
    const Deeper deeper(*this);
    const std::size_t known = variables_.size();
    NodePtr node = PipeOf(comma);
    Forget(known);
    return node;
  }

  NodePtr PipeOf(bool comma) {
    const std::size_t at = Peek().at;
    if (Peek().IsWord("label") && PeekSecond().kind == Token::Kind::kVariable) return Label(comma);
    if (Peek().IsWord("def")) return Fail(at, "functions cannot be defined in an expression");
    if (Peek().IsWord("import") || Peek().IsWord("include")) {
      return Fail(at, "modules cannot be used in an expression");
    }
    NodePtr left = Binary(comma ? Level::kComma : Level::kAlternative);
    if (Peek().Is("|")) {
      Take();
      // A chain is a loop of the text, not of the reader.
      const Deeper deeper(*this);
      NodePtr right = PipeOf(comma);
      return Make(Kind::kPipe, at, {std::move(left), std::move(right)});
    }
    return left;
  }

  NodePtr Label(bool comma) {
    const std::size_t at = Take().at;
    const Token& name = Take();
    Require("|");
    label_names_.emplace_back(name.text, labels_);
    const std::uint32_t slot = labels_++;
    NodePtr body = Pipe(comma);
    label_names_.pop_back();
    return Make({.kind = Kind::kLabel,
                 .at = at,
                 .text = name.text,
                 .slot = slot,
                 .children = {std::move(body)}});
  }

  NodePtr Binary(Level level) {
    if (level == Level::kOperand) return Operand();
    NodePtr left = Binary(Next(level));
    for (;;) {
      const Token& token = Peek();
      if (!IsOperator(level, token)) return left;
      const std::string text = token.text;
      const std::size_t at = Take().at;
      if (level == Level::kAlternative) {  // The only one that groups to the right.
        const Deeper deeper(*this);
        NodePtr right = Binary(level);
        return Make(Kind::kAlternative, at, {std::move(left), std::move(right)});
      }
      left = Make(KindOf(level), at, {left, Binary(Next(level))}, text);
      if (level == Level::kAssign) needs_helper_ = true;
      if ((level == Level::kAssign || level == Level::kCompare) && IsOperator(level, Peek())) {
        return Fail(Peek().at,
                    fmt::format("\"{}\" behind \"{}\" needs parentheses", Peek().text, text));
      }
    }
  }

  static bool IsOperator(Level level, const Token& token) {
    switch (level) {
      case Level::kComma:
        return token.Is(",");
      case Level::kAlternative:
        return token.Is("//");
      case Level::kAssign:
        return Among(kAssignments, token);
      case Level::kOr:
        return token.IsWord("or");
      case Level::kAnd:
        return token.IsWord("and");
      case Level::kCompare:
        return Among(kComparisons, token);
      case Level::kSum:
        return token.Is("+") || token.Is("-");
      case Level::kProduct:
        return token.Is("*") || token.Is("/") || token.Is("%");
      case Level::kPipe:
      case Level::kOperand:
        return false;
    }
    return false;
  }

  static Kind KindOf(Level level) {
    switch (level) {
      case Level::kComma:
        return Kind::kComma;
      case Level::kAssign:
        return Kind::kAssign;
      case Level::kOr:
        return Kind::kOr;
      case Level::kAnd:
        return Kind::kAnd;
      case Level::kPipe:
      case Level::kAlternative:
      case Level::kCompare:
      case Level::kSum:
      case Level::kProduct:
      case Level::kOperand:
        return Kind::kBinary;
    }
    return Kind::kBinary;
  }

  // --- operands
  NodePtr Operand() {
    const Token& token = Peek();
    if (token.Is("-")) {
      const Deeper deeper(*this);
      const std::size_t at = Take().at;
      return Make(Kind::kNegate, at, {Binary(Level::kProduct)});
    }
    NodePtr term = Postfix();
    if (!Peek().IsWord("as")) return term;
    return Bind(std::move(term));
  }

  // term as pattern { "?//" pattern } "|" pipe
  NodePtr Bind(NodePtr source) {
    const std::size_t at = Take().at;
    const std::size_t known = variables_.size();
    Node node{.kind = Kind::kBind, .at = at};
    node.patterns.push_back(ReadPattern());
    while (Accept("?//")) {
      needs_helper_ = true;
      node.patterns.push_back(ReadPattern());
    }
    Require("|");
    NodePtr body = PipeOf(true);
    Forget(known);
    node.children = {std::move(source), std::move(body)};
    return Make(std::move(node));
  }

  Pattern ReadPattern() {
    const Deeper deeper(*this);
    if (Peek().kind == Token::Kind::kVariable) {
      const Token& token = Take();
      Pattern pattern{.kind = Pattern::Kind::kVariable, .name = token.text};
      pattern.slot = Declare(token.text);
      return pattern;
    }
    needs_helper_ = true;
    Pattern pattern;
    if (Accept("[")) {
      pattern.kind = Pattern::Kind::kList;
      do {
        pattern.patterns.push_back(ReadPattern());
      } while (Accept(","));
      Require("]");
      return pattern;
    }
    if (!Accept("{")) {
      Expected("a variable, \"[\" or \"{\" behind \"as\"");
      return pattern;
    }
    pattern.kind = Pattern::Kind::kObject;
    do {
      ReadPatternMember(pattern);
    } while (Accept(","));
    Require("}");
    return pattern;
  }

  void ReadPatternMember(Pattern& into) {
    if (Peek().kind == Token::Kind::kVariable && !PeekSecond().Is(":")) {
      into.keys.push_back(nullptr);
      into.patterns.push_back(ReadPattern());
      return;
    }
    into.keys.push_back(Key());
    Require(":");
    into.patterns.push_back(ReadPattern());
  }

  NodePtr Postfix() {
    NodePtr node = Term();
    for (;;) {
      const std::size_t at = Peek().at;
      if (Peek().kind == Token::Kind::kField) {
        node = Make(Kind::kIndex, at, {node, Text(at, Take().text)});
      } else if (Peek().Is(".") && PeekSecond().kind == Token::Kind::kString) {
        Take();
        node = Make(Kind::kIndex, at, {node, String("")});
      } else if (Peek().Is(".") && PeekSecond().Is("[")) {
        Take();
        node = Bracket(std::move(node));
      } else if (Peek().Is("[")) {
        node = Bracket(std::move(node));
      } else if (Accept("?")) {
        node = Make(Kind::kTry, at, {node});
      } else if (Peek().Is("?//")) {
        // "?" and "//", which jq 1.6 mistakes for the sign between patterns.
        Take();
        node = Make(Kind::kTry, at, {node});
        const Deeper deeper(*this);
        return Make(Kind::kAlternative, at, {std::move(node), Binary(Level::kAlternative)});
      } else {
        return node;
      }
    }
  }

  NodePtr Bracket(NodePtr target) {
    const std::size_t at = Take().at;
    if (Accept("]")) return Make(Kind::kIterate, at, {std::move(target)});
    if (Accept(":")) {
      NodePtr to = Pipe();
      Require("]");
      return Make(Kind::kSlice, at, {std::move(target), nullptr, std::move(to)});
    }
    NodePtr key = Pipe();
    if (!Accept(":")) {
      Require("]");
      return Make(Kind::kIndex, at, {std::move(target), std::move(key)});
    }
    NodePtr to = Peek().Is("]") ? nullptr : Pipe();
    Require("]");
    return Make(Kind::kSlice, at, {std::move(target), std::move(key), std::move(to)});
  }

  NodePtr Term() {
    const Token& token = Peek();
    switch (token.kind) {
      case Token::Kind::kNumber:
        Take();
        return Make({.kind = Kind::kLiteral,
                     .at = token.at,
                     .literal = Value::Of(Number::Read(token.text))});
      case Token::Kind::kString:
        return String("");
      case Token::Kind::kFormat:
        return FormatTerm();
      case Token::Kind::kField:
        Take();
        return Make(Kind::kIndex, token.at,
                    {Make(Kind::kIdentity, token.at, {}), Text(token.at, token.text)});
      case Token::Kind::kVariable: {
        Take();
        return Make(
            {.kind = Kind::kVariable, .at = token.at, .text = token.text, .slot = Variable(token)});
      }
      case Token::Kind::kWord:
        return WordTerm();
      case Token::Kind::kSymbol:
        return SymbolTerm();
      case Token::Kind::kEnd:
        break;
    }
    return Expected("an expression");
  }

  NodePtr SymbolTerm() {
    const std::size_t at = Peek().at;
    if (Accept("..")) return Make(Kind::kRecurse, at, {});
    if (Accept("(")) {
      NodePtr inner = Pipe();
      Require(")");
      return inner;
    }
    if (Accept("[")) {
      if (Accept("]")) return Make(Kind::kList, at, {});
      NodePtr items = Pipe();
      Require("]");
      return Make(Kind::kList, at, {std::move(items)});
    }
    if (Peek().Is("{")) return Object();
    if (Accept(".")) {
      NodePtr identity = Make(Kind::kIdentity, at, {});
      if (Peek().kind != Token::Kind::kString) return identity;
      return Make(Kind::kIndex, at, {std::move(identity), String("")});
    }
    return Expected("an expression");
  }

  NodePtr FormatTerm() {
    const Token& token = Take();
    switch (PlaceOfFormat(token.text)) {
      case Function::Place::kRefused:
        Report(token.at,
               fmt::format("unknown format @{}: expected @text, @json, @base64, @base64d, "
                           "@uri, @html, @csv, @tsv or @sh",
                           token.text));
        break;
      case Function::Place::kHelper:
        needs_helper_ = true;
        break;
      case Function::Place::kHere:
        break;
    }
    if (Peek().kind == Token::Kind::kString) return String(token.text);
    return Make(Kind::kFormat, token.at, {}, token.text);
  }

  NodePtr String(std::string format) {
    const Token& token = Take();
    if (token.parts.empty()) return Text(token.at, "");
    if (token.parts.size() == 1 && token.parts[0].tokens.empty()) {
      return Text(token.at, token.parts[0].text);
    }
    // Texts and expressions take turns, a text first and last.
    std::vector<NodePtr> children;
    for (const Token::Part& part : token.parts) {
      const bool text = part.tokens.empty();
      if (text == (children.size() % 2 != 0)) children.push_back(Text(token.at, ""));
      children.push_back(text ? Text(token.at, part.text) : Whole(part.tokens));
    }
    if (children.size() % 2 == 0) children.push_back(Text(token.at, ""));
    return Make(Kind::kString, token.at, std::move(children), std::move(format));
  }

  NodePtr Object() {
    const std::size_t at = Take().at;
    std::vector<NodePtr> children;
    while (!Peek().Is("}") && !broken_) {
      ReadMember(children);
      if (!Accept(",") && !Peek().Is("}")) Expected("\",\" or \"}\"");
    }
    Take();
    return Make(Kind::kObject, at, std::move(children));
  }

  void ReadMember(std::vector<NodePtr>& into) {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kVariable && !PeekSecond().Is(":")) {
      Take();
      into.push_back(Text(token.at, token.text));
      into.push_back(Make(
          {.kind = Kind::kVariable, .at = token.at, .text = token.text, .slot = Variable(token)}));
      return;
    }
    const bool computed = token.Is("(");
    NodePtr key = Key();
    if (!Accept(":")) {
      if (computed) Expected("\":\"");
      into.push_back(key);  // {name} is {name: .name}
      into.push_back(
          Make(Kind::kIndex, token.at, {Make(Kind::kIdentity, token.at, {}), std::move(key)}));
      return;
    }
    into.push_back(std::move(key));
    into.push_back(Pipe(false));
  }

  NodePtr Key() {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kWord || token.kind == Token::Kind::kNumber) {
      Take();
      if (token.kind == Token::Kind::kNumber) {
        Report(token.at, fmt::format("the key {} needs quotes", token.text));
      }
      return Text(token.at, token.text);
    }
    if (token.kind == Token::Kind::kVariable) {
      Take();
      return Make(
          {.kind = Kind::kVariable, .at = token.at, .text = token.text, .slot = Variable(token)});
    }
    if (token.kind == Token::Kind::kString) return String("");
    if (token.kind == Token::Kind::kFormat) return FormatTerm();
    if (Accept("(")) {
      NodePtr key = Pipe();
      Require(")");
      return key;
    }
    return Expected("a key");
  }

  NodePtr WordTerm() {
    const Token& token = Peek();
    if (token.text == "if") return If();
    if (token.text == "try") return Try();
    if (token.text == "reduce" || token.text == "foreach") return Loop();
    if (token.text == "break") return Break();
    if (std::ranges::find(kKeywords, token.text) != kKeywords.end()) {
      return Expected("an expression");
    }
    if (const auto parameter = parameters_.find(token.text);
        parameter != parameters_.end() && !PeekSecond().Is("(")) {
      Take();
      return parameter->second;
    }
    Take();
    if (token.text == "true" || token.text == "false") {
      return Make({.kind = Kind::kLiteral,
                   .at = token.at,
                   .literal = Value::Boolean(token.text == "true")});
    }
    if (token.text == "null") return Make({.kind = Kind::kLiteral, .at = token.at});
    return Call(token);
  }

  NodePtr If() {
    const std::size_t at = Take().at;
    NodePtr condition = Pipe();
    RequireWord("then");
    NodePtr yes = Pipe();
    NodePtr no;
    if (Peek().IsWord("elif")) {
      const Deeper deeper(*this);
      no = If();  // Takes "elif" for its "if", and the common "end".
    } else {
      no = AcceptWord("else") ? Pipe() : Make(Kind::kIdentity, at, {});
      RequireWord("end");
    }
    return Make(Kind::kIf, at, {std::move(condition), std::move(yes), std::move(no)});
  }

  NodePtr Try() {
    const std::size_t at = Take().at;
    const Deeper deeper(*this);
    NodePtr body = Postfix();
    if (!AcceptWord("catch")) return Make(Kind::kTry, at, {std::move(body)});
    return Make(Kind::kTry, at, {std::move(body), Postfix()});
  }

  NodePtr Loop() {
    const bool reduce = Peek().text == "reduce";
    const std::size_t at = Take().at;
    Node node{.kind = reduce ? Kind::kReduce : Kind::kForeach, .at = at};
    node.children.push_back(Postfix());
    RequireWord("as");
    const std::size_t known = variables_.size();
    node.patterns.push_back(ReadPattern());
    const std::size_t bound = variables_.size();
    Require("(");
    // What it starts with does not see the variable.
    std::vector<std::pair<std::string, std::uint32_t>> hidden(
        variables_.begin() + static_cast<std::ptrdiff_t>(known), variables_.end());
    Forget(known);
    node.children.push_back(Pipe());
    variables_.insert(variables_.end(), hidden.begin(), hidden.end());
    MESG_CHECK(variables_.size() == bound);
    Require(";");
    node.children.push_back(Pipe());
    if (!reduce && Accept(";")) node.children.push_back(Pipe());
    Require(")");
    Forget(known);
    return Make(std::move(node));
  }

  NodePtr Break() {
    const std::size_t at = Take().at;
    if (Peek().kind != Token::Kind::kVariable) {
      return Expected("the name of a label behind \"break\"");
    }
    const Token& token = Take();
    const auto found = std::ranges::find(label_names_.rbegin(), label_names_.rend(), token.text,
                                         &std::pair<std::string, std::uint32_t>::first);
    if (found == label_names_.rend()) {
      Report(token.at, fmt::format("there is no label ${} around this", token.text));
      return Make(Kind::kIdentity, at, {});
    }
    return Make({.kind = Kind::kBreak, .at = at, .text = token.text, .slot = found->second});
  }

  // --- functions
  NodePtr Call(const Token& name) {
    std::vector<NodePtr> arguments;
    if (Accept("(")) {
      do {
        arguments.push_back(Pipe());
      } while (Accept(";"));
      Require(")");
    }
    const Function* function = FindFunction(name.text, arguments.size());
    if (function == nullptr || (name.text.front() == '_' && parameters_.empty() && !defining_)) {
      Report(name.at, NoSuchFunction(name.text, arguments.size()));
      return Make(Kind::kIdentity, name.at, {});
    }
    Node node{.kind = Kind::kCall,
              .at = name.at,
              .text = name.text,
              .children = std::move(arguments),
              .function = function};
    switch (function->place) {
      case Function::Place::kRefused:
        Report(name.at, fmt::format("{} is refused: {}", name.text, function->meaning));
        break;
      case Function::Place::kHelper:
        needs_helper_ = true;
        break;
      case Function::Place::kHere:
        if (name.text == "range" && Mentions(node.children, "infinite")) {
          Report(name.at, "range is refused with an infinite bound: it would never end");
        }
        if (function->form == Function::Form::kDefinition) {
          node.children.push_back(Expand(*function, node.children));
        }
        break;
    }
    return Make(std::move(node));
  }

  static bool Mentions(const std::vector<NodePtr>& nodes, std::string_view function) {
    return std::ranges::any_of(nodes, [&](const NodePtr& node) {
      return node && ((node->kind == Kind::kCall && node->text == function) ||
                      Mentions(node->children, function));
    });
  }

  // The definition with the arguments in the place of its parameters. Variables of the definition
  // get slots of their own, so that an argument never sees them.
  NodePtr Expand(const Function& function, const std::vector<NodePtr>& arguments) {
    std::vector<Token> tokens;
    SyntaxError error;
    MESG_CHECK(Tokenize(function.meaning, 0, false, tokens, error), "{}", error.message);
    constexpr std::array<const char*, 3> kParameters = {"f", "g", "h"};
    std::map<std::string, NodePtr> parameters;
    for (std::size_t i = 0; i < arguments.size(); ++i) parameters[kParameters.at(i)] = arguments[i];
    std::swap(parameters_, parameters);
    const bool outer = std::exchange(defining_, true);
    const auto variables = std::exchange(variables_, {});
    const auto labels = std::exchange(label_names_, {});
    NodePtr node = Whole(tokens);
    label_names_ = labels;
    variables_ = variables;
    defining_ = outer;
    std::swap(parameters_, parameters);
    return node;
  }

  static std::string NoSuchFunction(const std::string& name, std::size_t arity) {
    const auto others = FindFunctions(name);
    if (!others.empty()) {
      std::string takes;
      for (const Function* other : others) {
        if (!takes.empty()) takes += " or ";
        takes += std::to_string(other->arity);
      }
      return fmt::format("{} takes {} argument{}, got {}", name, takes, takes == "1" ? "" : "s",
                         arity);
    }
    const std::string_view near = NearestFunction(name);
    if (near.empty()) return fmt::format("unknown function {}", name);
    return fmt::format("unknown function {}, did you mean {}?", name, near);
  }

  std::vector<SyntaxError>& errors_;
  const std::size_t scope_size_;
  Cursor cursor_{nullptr};
  std::vector<std::pair<std::string, std::uint32_t>> variables_;
  std::vector<std::pair<std::string, std::uint32_t>> label_names_;
  std::map<std::string, NodePtr> parameters_;
  std::set<std::uint32_t> used_;
  std::size_t nodes_ = 0;
  std::uint32_t slots_ = 0;
  std::uint32_t labels_ = 0;
  int depth_ = 0;
  bool needs_helper_ = false;
  bool defining_ = false;
  bool broken_ = false;
};

}  // namespace

Parsed ParseExpression(const std::vector<Token>& tokens, std::span<const std::string_view> scope,
                       std::vector<SyntaxError>& errors) {
  return Parser(scope, errors).Run(tokens);
}

}  // namespace mesg::app
