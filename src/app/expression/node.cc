#include "app/expression/node.h"

#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

class Writer {
 public:
  std::string Write(const ExpressionNodePtr& node) { return node == nullptr ? "" : Write(*node); }

  std::string Write(const ExpressionNode& node) {
    const auto& children = node.children;
    const auto child = [&](std::size_t i) { return Write(children[i]); };
    switch (node.kind) {
      case Kind::kIdentity:
        return ".";
      case Kind::kRecurse:
        return "..";
      case Kind::kLiteral:
        return Literal(node.literal);
      case Kind::kVariable:
        return "$" + node.text;
      case Kind::kFormat:
        return "@" + node.text;
      case Kind::kString:
        return String(node);
      case Kind::kIndex:
        return fmt::format("{}[{}]", Target(*children[0]), child(1));
      case Kind::kSlice:
        return fmt::format("{}[{}:{}]", Target(*children[0]), child(1), child(2));
      case Kind::kIterate:
        return Target(*children[0]) + "[]";
      case Kind::kTry:
        if (children.size() == 1) return fmt::format("(try ({}))", child(0));
        return fmt::format("(try ({}) catch ({}))", child(0), child(1));
      case Kind::kPipe:
        return fmt::format("({} | {})", child(0), child(1));
      case Kind::kComma:
        return fmt::format("({}, {})", child(0), child(1));
      case Kind::kAlternative:
        return fmt::format("({} // {})", child(0), child(1));
      case Kind::kAnd:
        return fmt::format("({} and {})", child(0), child(1));
      case Kind::kOr:
        return fmt::format("({} or {})", child(0), child(1));
      case Kind::kNegate:
        return fmt::format("(-{})", child(0));
      case Kind::kBinary:
      case Kind::kAssign:
        return fmt::format("({} {} {})", child(0), node.text, child(1));
      case Kind::kIf:
        return fmt::format("(if {} then {} else {} end)", child(0), child(1), child(2));
      case Kind::kReduce:
      case Kind::kForeach:
        return Loop(node);
      case Kind::kBind:
        return Bind(node);
      case Kind::kList:
        return children.empty() ? "[]" : fmt::format("[{}]", child(0));
      case Kind::kObject:
        return Object(node);
      case Kind::kCall:
        return Call(node);
      case Kind::kLabel:
        return fmt::format("(label ${} | {})", node.text, child(0));
      case Kind::kBreak:
        return fmt::format("(break ${})", node.text);
    }
    return {};
  }

 private:
  static std::string Literal(const Value& value) {
    if (value.kind() != Value::Kind::kNumber) return value.Json();
    const std::string text = value.number().Text();
    return text.starts_with('-') ? "(" + text + ")" : text;
  }

  // What a bracket may stand behind.
  std::string Target(const ExpressionNode& node) {
    const bool term = node.kind == Kind::kIdentity || node.kind == Kind::kIndex ||
                      node.kind == Kind::kIterate || node.kind == Kind::kSlice ||
                      node.kind == Kind::kVariable || node.kind == Kind::kCall;
    return term ? Write(node) : fmt::format("({})", Write(node));
  }

  std::string String(const ExpressionNode& node) {
    std::string text = node.text.empty() ? "" : "@" + node.text + " ";
    text += '"';
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (i % 2 == 0) {
        const std::string quoted = node.children[i]->literal.Json();
        text += std::string_view(quoted).substr(1, quoted.size() - 2);
      } else {
        text += "\\(" + Write(node.children[i]) + ")";
      }
    }
    return text + '"';
  }

  std::string Loop(const ExpressionNode& node) {
    const bool reduce = node.kind == Kind::kReduce;
    std::string text = fmt::format("({} ({}) as {} ({}; {}", reduce ? "reduce" : "foreach",
                                   Write(node.children[0]), Write(node.patterns[0]),
                                   Write(node.children[1]), Write(node.children[2]));
    if (node.children.size() == 4) text += "; " + Write(node.children[3]);
    return text + "))";
  }

  std::string Bind(const ExpressionNode& node) {
    std::string text = fmt::format("(({}) as ", Write(node.children[0]));
    const char* separator = "";
    for (const Pattern& pattern : node.patterns) {
      text += std::exchange(separator, " ?// ");
      text += Write(pattern);
    }
    return fmt::format("{} | {})", text, Write(node.children[1]));
  }

  std::string Write(const Pattern& pattern) {
    if (pattern.kind == Pattern::Kind::kVariable) return "$" + pattern.name;
    const bool list = pattern.kind == Pattern::Kind::kList;
    std::string text = list ? "[" : "{";
    for (std::size_t i = 0; i < pattern.patterns.size(); ++i) {
      if (i > 0) text += ", ";
      if (!list && pattern.keys[i] != nullptr)
        text += fmt::format("({}): ", Write(pattern.keys[i]));
      text += Write(pattern.patterns[i]);
    }
    return text + (list ? "]" : "}");
  }

  std::string Object(const ExpressionNode& node) {
    std::string text = "{";
    for (std::size_t i = 0; i < node.children.size(); i += 2) {
      if (i > 0) text += ", ";
      text += fmt::format("({}): ({})", Write(node.children[i]), Write(node.children[i + 1]));
    }
    return text + "}";
  }

  std::string Call(const ExpressionNode& node) {
    const std::size_t arity = node.function->arity;
    if (arity == 0) return node.text;
    std::string text = node.text + "(";
    for (std::size_t i = 0; i < arity; ++i) {
      if (i > 0) text += "; ";
      text += Write(node.children[i]);
    }
    return text + ")";
  }
};

}  // namespace

std::string ToJq(const ExpressionNode& node) { return Writer().Write(node); }

}  // namespace mesg::app
