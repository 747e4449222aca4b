#include "app/expression/evaluator.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "app/expression/function_bodies.h"

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

// What goes on with each value that a node gives: false stops the node. Borrows what it calls.
class Emit {
 public:
  template <typename Callable>
  // NOLINTNEXTLINE(google-explicit-constructor, bugprone-forwarding-reference-overload)
  Emit(Callable&& callable)
      : object_(const_cast<void*>(static_cast<const void*>(&callable))),
        call_([](void* object, Value value) {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(std::move(value));
        }) {}
  bool operator()(Value value) const { return call_(object_, std::move(value)); }

 private:
  void* object_;
  bool (*call_)(void*, Value);
};

// A walk over the tree in which every node hands each of its values to what follows. There are no
// definitions that call themselves, so that one slot for each variable is enough.
//
// Functions return false when the walk is to stop: `why_` says whether something failed, a label is
// left, or who receives the values wants no more of them.
class Evaluator {
 public:
  Evaluator(const Parsed& parsed, std::span<const Value> scope, std::uint64_t steps)
      : slots_(parsed.slots), labels_(parsed.labels), meter_(steps) {
    std::ranges::copy(scope, slots_.begin());
  }

  Result<Value> Run(const ExpressionNode& root, const Value& input) {
    std::optional<Value> found;
    std::size_t count = 0;
    const bool whole = Eval(root, input, [&](Value value) {
      found = std::move(value);
      return ++count == 1;
    });
    if (count > 1) {
      return InvalidArgument("it gives more than one value, put brackets around it for a list");
    }
    if (!whole) return std::move(error_);
    if (!found) return InvalidArgument("it gives no value");
    return *std::move(found);
  }

 private:
  enum class Why : std::uint8_t { kReceiver, kError, kBreak };

  static constexpr int kMaxDepth = 1000;

  bool Fail(Error error) {
    why_ = Why::kError;
    error_ = std::move(error);
    thrown_ = Value::Text(error_.message);
    return false;
  }
  bool Give(Result<Value> value, const Emit& emit) {
    if (!value) return Fail(std::move(value).error());
    if (auto fits = CheckDepth(*value); !fits) return Fail(std::move(fits).error());
    return emit(*std::move(value));
  }
  bool Stopped(const Emit& emit, Value value) {
    why_ = Why::kReceiver;  // Unless what follows finds a reason of its own.
    return emit(std::move(value));
  }

  bool Eval(const ExpressionNode& node, const Value& input, const Emit& emit) {
    if (const auto spent = meter_.Spend(1); !spent) return Fail(spent.error());
    if (depth_ >= kMaxDepth) {
      return Fail(ResourceExhausted("the expression is nested too deeply"));
    }
    ++depth_;
    const bool goes_on = Dispatch(node, input, emit);
    --depth_;
    return goes_on;
  }

  bool Dispatch(const ExpressionNode& node, const Value& input, const Emit& emit) {
    const auto& children = node.children;
    switch (node.kind) {
      case Kind::kIdentity:
        return emit(input);
      case Kind::kLiteral:
        return emit(node.literal);
      case Kind::kVariable:
        return emit(slots_[node.slot]);
      case Kind::kRecurse:
        return Recurse(input, emit);
      case Kind::kFormat:
        return Formatted(node.text, input, emit);
      case Kind::kString:
        return String(node, 0, {}, input, emit);
      case Kind::kIndex:
        return Eval(*children[1], input, [&](const Value& key) {
          return Eval(*children[0], input,
                      [&](const Value& target) { return Give(Index(target, key, meter_), emit); });
        });
      case Kind::kSlice:
        return Slice(node, input, emit);
      case Kind::kIterate:
        return Eval(*children[0], input,
                    [&](const Value& target) { return Iterate(target, emit); });
      case Kind::kTry:
        return Try(node, input, emit);
      case Kind::kPipe:
        return Eval(*children[0], input,
                    [&](const Value& value) { return Eval(*children[1], value, emit); });
      case Kind::kComma:
        return Eval(*children[0], input, emit) && Eval(*children[1], input, emit);
      case Kind::kAlternative:
        return Alternative(node, input, emit);
      case Kind::kAnd:
      case Kind::kOr:
        return Logic(node, input, emit);
      case Kind::kNegate:
        return Eval(*children[0], input, [&](const Value& value) {
          return Give(Calculate('-', Value::Of(std::int64_t{0}), value, meter_), emit);
        });
      case Kind::kBinary:
        return Eval(*children[1], input, [&](const Value& right) {
          return Eval(*children[0], input, [&](const Value& left) {
            return Give(Binary(node.text, left, right), emit);
          });
        });
      case Kind::kIf:
        return Eval(*children[0], input, [&](const Value& condition) {
          return Eval(*children[condition.Truthy() ? 1 : 2], input, emit);
        });
      case Kind::kReduce:
      case Kind::kForeach:
        return Loop(node, input, emit);
      case Kind::kBind:
        return Eval(*children[0], input, [&](Value value) {
          slots_[node.patterns[0].slot] = std::move(value);
          return Eval(*children[1], input, emit);
        });
      case Kind::kList:
        return List(node, input, emit);
      case Kind::kObject:
        return Object(node, 0, {}, input, emit);
      case Kind::kCall:
        return Call(node, input, emit);
      case Kind::kLabel:
        return Label(node, input, emit);
      case Kind::kBreak:
        why_ = Why::kBreak;
        breaking_ = labels_[node.slot];
        return false;
      case Kind::kAssign:
        break;
    }
    return Fail(Internal("the expression needs the helper"));
  }

  bool Recurse(const Value& value, const Emit& emit) {
    if (const auto spent = meter_.Spend(1); !spent) return Fail(spent.error());
    if (!emit(value)) return false;
    if (value.kind() == Value::Kind::kList) {
      return std::ranges::all_of(value.list(),
                                 [&](const Value& item) { return Recurse(item, emit); });
    }
    if (value.kind() != Value::Kind::kObject) return true;
    return std::ranges::all_of(value.object().Members(), [&](const Value::Member& member) {
      return Recurse(member.second, emit);
    });
  }

  bool Iterate(const Value& value, const Emit& emit) {
    const auto give = [&](const Value& item) {
      if (const auto spent = meter_.Spend(1); !spent) return Fail(spent.error());
      return emit(item);
    };
    if (value.kind() == Value::Kind::kList) {
      return std::ranges::all_of(value.list(), give);
    }
    if (value.kind() != Value::Kind::kObject) {
      return Fail(InvalidArgument("expected a list or an object, got {}", bodies::Show(value)));
    }
    return std::ranges::all_of(value.object().Members(),
                               [&](const Value::Member& member) { return give(member.second); });
  }

  bool Formatted(std::string_view format, const Value& value, const Emit& emit) {
    auto text = Format(format, value, meter_);
    if (!text) return Fail(std::move(text).error());
    return emit(Value::Text(*std::move(text)));
  }

  bool String(const ExpressionNode& node, std::size_t next, std::string text, const Value& input,
              const Emit& emit) {
    if (next == node.children.size()) {
      if (const auto spent = meter_.SpendBytes(text.size()); !spent) return Fail(spent.error());
      return emit(Value::Text(std::move(text)));
    }
    const ExpressionNode& child = *node.children[next];
    if (next % 2 == 0) {
      return String(node, next + 1, std::move(text) + child.literal.text(), input, emit);
    }
    return Eval(child, input, [&](const Value& value) {
      auto part = Format(node.text.empty() ? "text" : node.text, value, meter_);
      if (!part) return Fail(std::move(part).error());
      return String(node, next + 1, text + *part, input, emit);
    });
  }

  bool Slice(const ExpressionNode& node, const Value& input, const Emit& emit) {
    const auto bound = [&](const ExpressionNodePtr& at, const Emit& then) {
      return at == nullptr ? then(Value()) : Eval(*at, input, then);
    };
    return bound(node.children[2], [&](const Value& to) {
      return bound(node.children[1], [&](const Value& from) {
        const Value key = Value::Of(std::vector<Value::Member>{{"start", from}, {"end", to}});
        return Eval(*node.children[0], input,
                    [&](const Value& target) { return Give(Index(target, key, meter_), emit); });
      });
    });
  }

  // Only what fails inside is caught, not what follows.
  bool Try(const ExpressionNode& node, const Value& input, const Emit& emit) {
    bool outside = false;
    const bool whole = Eval(*node.children[0], input, [&](Value value) {
      outside = !Stopped(emit, std::move(value));
      return !outside;
    });
    if (whole || outside || why_ != Why::kError || meter_.exhausted()) return whole;
    if (node.children.size() == 1) return true;
    const Value caught = thrown_;
    return Eval(*node.children[1], caught, emit);
  }

  // All that is true on the left; when there is none of it, the right. Errors on the left end it.
  bool Alternative(const ExpressionNode& node, const Value& input, const Emit& emit) {
    bool any = false;
    bool outside = false;
    const bool whole = Eval(*node.children[0], input, [&](Value value) {
      if (!value.Truthy()) return true;
      any = true;
      outside = !Stopped(emit, std::move(value));
      return !outside;
    });
    if (outside) return false;
    if (!whole && (why_ != Why::kError || meter_.exhausted())) return false;
    return any || Eval(*node.children[1], input, emit);
  }

  bool Logic(const ExpressionNode& node, const Value& input, const Emit& emit) {
    const bool decided = node.kind == Kind::kOr;  // By a left of this value.
    return Eval(*node.children[0], input, [&](const Value& left) {
      if (left.Truthy() == decided) return emit(Value::Boolean(decided));
      return Eval(*node.children[1], input,
                  [&](const Value& right) { return emit(Value::Boolean(right.Truthy())); });
    });
  }

  Result<Value> Binary(const std::string& operation, const Value& left, const Value& right) {
    const char first = operation[0];
    if (operation.size() == 1 && first != '<' && first != '>') {
      return Calculate(first, left, right, meter_);
    }
    if (left.kind() == right.kind()) MESG_TRY(meter_.SpendAll(left));
    const int order = Value::Compare(left, right);
    if (operation == "==") return Value::Boolean(order == 0);
    if (operation == "!=") return Value::Boolean(order != 0);
    if (operation == "<") return Value::Boolean(order < 0);
    if (operation == "<=") return Value::Boolean(order <= 0);
    if (operation == ">") return Value::Boolean(order > 0);
    return Value::Boolean(order >= 0);
  }

  bool Loop(const ExpressionNode& node, const Value& input, const Emit& emit) {
    const bool reduce = node.kind == Kind::kReduce;
    const std::uint32_t slot = node.patterns[0].slot;
    return Eval(*node.children[1], input, [&](Value state) {
      const bool whole = Eval(*node.children[0], input, [&](Value item) {
        slots_[slot] = std::move(item);
        const Value before = std::exchange(state, Value());
        return Eval(*node.children[2], before, [&](Value next) {
          state = std::move(next);
          if (reduce) return true;
          const Value current = state;
          return node.children.size() == 4 ? Eval(*node.children[3], current, emit) : emit(current);
        });
      });
      return whole && (!reduce || emit(state));
    });
  }

  bool List(const ExpressionNode& node, const Value& input, const Emit& emit) {
    Value::List items;
    if (!node.children.empty() && !Eval(*node.children[0], input, [&](Value item) {
          items.push_back(std::move(item));
          return true;
        })) {
      return false;
    }
    return Give(Value::Of(std::move(items)), emit);
  }

  bool Object(const ExpressionNode& node, std::size_t next, std::vector<Value::Member> members,
              const Value& input, const Emit& emit) {
    if (next == node.children.size()) return Give(Value::Of(std::move(members)), emit);
    return Eval(*node.children[next], input, [&](const Value& key) {
      if (key.kind() != Value::Kind::kString) {
        return Fail(InvalidArgument("a key of an object is a text, got {}", bodies::Show(key)));
      }
      return Eval(*node.children[next + 1], input, [&](Value value) {
        if (const auto spent = meter_.Spend(members.size()); !spent) return Fail(spent.error());
        auto more = members;
        more.emplace_back(key.text(), std::move(value));
        return Object(node, next + 2, std::move(more), input, emit);
      });
    });
  }

  bool Call(const ExpressionNode& node, const Value& input, const Emit& emit) {
    switch (node.function->form) {
      case Function::Form::kPure:
        return Apply(node, 0, {}, input, emit);
      case Function::Form::kDefinition:
        return Eval(*node.children.back(), input, emit);
      case Function::Form::kEmpty:
        return true;
      case Function::Form::kError:
        if (node.children.empty()) return Throw(input);
        return Eval(*node.children[0], input, [&](Value value) { return Throw(std::move(value)); });
      case Function::Form::kRange:
        return Range(node, input, emit);
      case Function::Form::kNone:
        break;
    }
    return Fail(Internal("{} needs the helper", node.text));
  }

  bool Apply(const ExpressionNode& node, std::size_t next, std::vector<Value> arguments,
             const Value& input, const Emit& emit) {
    if (next == node.children.size()) {
      return Give(node.function->compute(input, arguments, meter_), emit);
    }
    return Eval(*node.children[next], input, [&](Value value) {
      auto more = arguments;
      more.push_back(std::move(value));
      return Apply(node, next + 1, std::move(more), input, emit);
    });
  }

  bool Throw(Value value) {
    Fail(InvalidArgument("{}", ToText(value)));
    thrown_ = std::move(value);
    return false;
  }

  bool Range(const ExpressionNode& node, const Value& input, const Emit& emit) {
    std::vector<Value> bounds;
    for (const ExpressionNodePtr& child : node.children) {
      const bool whole = Eval(*child, input, [&](Value value) {
        bounds.push_back(std::move(value));
        return true;
      });
      if (!whole) return false;
    }
    for (const Value& bound : bounds) {
      if (bound.kind() != Value::Kind::kNumber) {
        return Fail(InvalidArgument("range: expected numbers, got {}", bodies::Show(bound)));
      }
    }
    const int direction = Number::Compare(bounds[2].number(), Number());
    if (direction == 0) return true;
    Number at = bounds[0].number();
    while (Number::Compare(at, bounds[1].number()) * direction < 0) {
      if (const auto spent = meter_.Spend(1 + at.Cost()); !spent) return Fail(spent.error());
      if (!emit(Value::Of(at))) return false;
      auto next = at.Plus(bounds[2].number());
      if (!next) return Fail(std::move(next).error());
      at = *std::move(next);
    }
    return true;
  }

  bool Label(const ExpressionNode& node, const Value& input, const Emit& emit) {
    const std::uint64_t activation = ++activations_;
    labels_[node.slot] = activation;
    const bool whole = Eval(*node.children[0], input, emit);
    return whole || (why_ == Why::kBreak && breaking_ == activation);
  }

  std::vector<Value> slots_;
  std::vector<std::uint64_t> labels_;
  Meter meter_;
  int depth_ = 0;
  Why why_ = Why::kReceiver;
  Error error_;
  Value thrown_;
  std::uint64_t activations_ = 0;
  std::uint64_t breaking_ = 0;
};

}  // namespace

Result<Value> EvaluateHere(const Parsed& parsed, const Value& input, std::span<const Value> scope,
                           std::uint64_t steps) {
  return Evaluator(parsed, scope, steps).Run(*parsed.root, input);
}

}  // namespace mesg::app
