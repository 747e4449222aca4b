#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/expression/expression.h"
#include "app/expression/parser.h"
#include "model/execution.h"

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

// Follows what an expression reads: `.` as long as it is still the input, and the variables of the
// scope.
class Walker {
 public:
  explicit Walker(std::uint32_t scope_size) : scope_size_(scope_size) {}

  std::vector<PathUse> Run(const ExpressionNode& root) {
    Walk(root, true);
    return std::move(uses_);
  }

  // The path that `node` is, or nothing.
  std::optional<PathUse> PathOf(const ExpressionNode& node, bool input) const {
    if (node.kind == Kind::kIdentity && input) return PathUse{.at = node.at};
    if (node.kind == Kind::kVariable && node.slot < scope_size_) {
      return PathUse{.variable = node.slot, .at = node.at};
    }
    if (node.kind == Kind::kTry && node.children.size() == 1) {
      return PathOf(*node.children[0], input);
    }
    if (node.kind != Kind::kIndex) return std::nullopt;
    auto path = PathOf(*node.children[0], input);
    if (!path || !path->whole) return path;
    const ExpressionNode& key = *node.children[1];
    if (key.kind == Kind::kLiteral && key.literal.kind() == Value::Kind::kString) {
      path->keys.push_back(key.literal.text());
    } else {
      path->whole = false;
    }
    return path;
  }

 private:
  void Walk(const ExpressionNode& node, bool input) {
    if (auto path = PathOf(node, input)) {
      uses_.push_back(*std::move(path));
      return WalkKeys(node, input);
    }
    switch (node.kind) {
      case Kind::kPipe:
        Walk(*node.children[0], input);
        return Walk(*node.children[1], input && node.children[0]->kind == Kind::kIdentity);
      case Kind::kReduce:
      case Kind::kForeach:
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          Walk(*node.children[i], input && i < 2);
        }
        return;
      case Kind::kTry:
        Walk(*node.children[0], input);
        if (node.children.size() == 2) Walk(*node.children[1], false);
        return;
      case Kind::kCall:
        // Some evaluate their arguments on items of the input.
        for (std::size_t i = 0; i < node.function->arity; ++i) {
          Walk(*node.children[i], input && node.function->form == Function::Form::kPure);
        }
        return;
      default:
        for (const ExpressionNodePtr& child : node.children) {
          if (child != nullptr) Walk(*child, input);
        }
    }
  }

  // What stands in the brackets of a path.
  void WalkKeys(const ExpressionNode& node, bool input) {
    if (node.kind == Kind::kTry) return WalkKeys(*node.children[0], input);
    if (node.kind != Kind::kIndex) return;
    if (node.children[1]->kind != Kind::kLiteral) Walk(*node.children[1], input);
    WalkKeys(*node.children[0], input);
  }

  const std::uint32_t scope_size_;
  std::vector<PathUse> uses_;
};

}  // namespace

std::vector<PathUse> Expression::Paths() const {
  if (parsed_ == nullptr) return {};  // It was not read.
  return Walker(parsed_->scope_size).Run(*parsed_->root);
}

std::optional<PathUse> Expression::AsPath() const {
  if (parsed_ == nullptr) return std::nullopt;
  auto path = Walker(parsed_->scope_size).PathOf(*parsed_->root, true);
  return path && path->whole ? path : std::nullopt;
}

std::optional<Correlation> Expression::Correlated() const {
  const Walker walker(parsed_->scope_size);
  const auto is_known = [&](const ExpressionNode& node) {
    if (node.kind == Kind::kLiteral) return true;
    const auto path = walker.PathOf(node, true);
    return path && path->whole && path->variable != PathUse::kInput;
  };
  // Both sides of an `and` have to be true; the left one is first.
  std::vector<ExpressionNodePtr> open = {parsed_->root};
  while (!open.empty()) {
    const ExpressionNodePtr node = std::move(open.back());
    open.pop_back();
    if (node->kind == Kind::kAnd) {
      open.push_back(node->children[1]);
      open.push_back(node->children[0]);
    }
    if (node->kind != Kind::kBinary || node->text != "==") continue;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      auto path = walker.PathOf(*node->children[side], true);
      const ExpressionNodePtr& other = node->children[1 - side];
      const bool of_input = path && path->whole && path->variable == PathUse::kInput;
      if (!of_input || path->keys.empty() || !is_known(*other)) continue;
      Parsed value = *parsed_;
      value.root = other;
      value.needs_helper = false;
      return Correlation{std::move(path->keys),
                         Expression(std::make_shared<const Parsed>(std::move(value)))};
    }
  }
  return std::nullopt;
}

std::uint64_t Correlation::Digest(std::span<const std::string> path, const Value& value) {
  std::string text;
  for (const std::string& key : path) text.append(key).append(1, '\0');
  text.append(1, static_cast<char>('0' + static_cast<int>(value.kind())));
  switch (value.kind()) {
    case Value::Kind::kBoolean:
      text.append(value.boolean() ? "true" : "false");
      break;
    case Value::Kind::kNumber:
      // 1, 1.0 and 10e-1 are equal.
      if (const auto integer = value.number().ToInt64()) text.append(std::to_string(*integer));
      break;
    case Value::Kind::kString:
      text.append(value.text());
      break;
    default:
      break;
  }
  return StableHash(text);
}

std::optional<Value> Correlation::At(std::span<const std::string> path, const Value& input) {
  Value at = input;
  for (const std::string& key : path) {
    if (at.kind() == Value::Kind::kNull) return at;
    if (at.kind() != Value::Kind::kObject) return std::nullopt;
    const Value* const member = at.object().Find(key);
    at = member == nullptr ? Value() : *member;
  }
  return at;
}

}  // namespace mesg::app
