#include "app/program/evaluation.h"

#include <algorithm>
#include <map>
#include <utility>

namespace mesg::app {
namespace {

/// Evaluates expression after expression; what needs the helper takes its answer, or becomes a
/// call.
class Pass {
 public:
  Pass(const Scene& scene, std::span<const Value> answers, Deferred* deferred = nullptr)
      : scene_(scene), answers_(answers), deferred_(deferred) {}

  Result<Value> Take(const Expression& expression) {
    if (expression.NeedsHelper() && next_ < answers_.size()) return answers_[next_++];
    auto scope = MESG_TRY(scene_.scope(expression));
    Value input = MESG_TRY(scene_.input());
    if (!expression.NeedsHelper()) return expression.Evaluate(input, scope);
    calls_.push_back({expression, std::move(input), std::move(scope)});
    return Value();
  }

  Result<Value> Take(const Template& text) {
    std::vector<Value> values;
    for (const Expression& expression : text.Expressions()) {
      values.push_back(MESG_TRY(Take(expression)));
    }
    // What is not known yet has no text.
    return calls_.empty() ? text.Fill(values) : Value();
  }

  Result<Value> Take(const Mapping& mapping) {
    switch (mapping.kind) {
      case Mapping::Kind::kLiteral:
        return mapping.literal;
      case Mapping::Kind::kTemplate: {
        const Template& text = mapping.text.front();
        if (deferred_ != nullptr && MentionsSecrets(text)) return Defer(text);
        return Take(text);
      }
      case Mapping::Kind::kList: {
        Value::List items;
        for (std::size_t i = 0; i < mapping.items.size(); ++i) {
          path_.push_back(Value::Of(static_cast<std::int64_t>(i)));
          items.push_back(MESG_TRY(Take(mapping.items[i])));
          path_.pop_back();
        }
        return Value::Of(std::move(items));
      }
      case Mapping::Kind::kObject: {
        std::vector<Value::Member> members;
        for (std::size_t i = 0; i < mapping.items.size(); ++i) {
          path_.push_back(Value::Text(mapping.keys[i]));
          members.emplace_back(mapping.keys[i], MESG_TRY(Take(mapping.items[i])));
          path_.pop_back();
        }
        return Value::Of(std::move(members));
      }
    }
    return Value();
  }

  Result<Evaluated> Done(Value value) {
    if (!calls_.empty()) return Evaluated(std::move(calls_));
    MESG_TRY(CheckDepth(value));
    return Evaluated(std::move(value));
  }

 private:
  static bool MentionsSecrets(const Template& text) {
    return std::ranges::any_of(text.Expressions(), [](const Expression& expression) {
      return std::ranges::count(expression.Used(), static_cast<std::uint32_t>(Variable::kSecrets)) >
             0;
    });
  }

  Result<Value> Defer(const Template& text) {
    Deferred::Part part{path_, text, {}, {}};
    std::map<std::uint32_t, Value> scope;
    for (const Expression& expression : text.Expressions()) {
      if (expression.NeedsHelper()) {
        return InvalidArgument(
            "$secrets can only stand in expressions that Core evaluates itself; {} is none",
            expression.ToJq());
      }
      const auto values = MESG_TRY(scene_.scope(expression));
      for (const std::uint32_t used : expression.Used()) scope[used] = values[used];
    }
    part.input = MESG_TRY(scene_.input());
    part.scope.resize(std::size(kVariables));
    for (auto& [used, value] : scope) part.scope[used] = std::move(value);
    MESG_TRY(part.CheckDepth());
    deferred_->parts.push_back(std::move(part));
    return Value();
  }

  const Scene& scene_;
  const std::span<const Value> answers_;
  std::size_t next_ = 0;
  Deferred* const deferred_;
  Value::List path_;
  std::vector<HelperCall> calls_;
};

}  // namespace

Result<Evaluated> Evaluate(const Expression& expression, const Scene& scene,
                           std::span<const Value> answers) {
  Pass pass(scene, answers);
  return pass.Done(MESG_TRY(pass.Take(expression)));
}

Result<Evaluated> Evaluate(const Template& text, const Scene& scene,
                           std::span<const Value> answers) {
  Pass pass(scene, answers);
  return pass.Done(MESG_TRY(pass.Take(text)));
}

Result<Evaluated> Evaluate(const Mapping& mapping, const Scene& scene,
                           std::span<const Value> answers) {
  Pass pass(scene, answers);
  return pass.Done(MESG_TRY(pass.Take(mapping)));
}

Result<Evaluated> EvaluateInputs(const Mapping& mapping, const Scene& scene,
                                 std::span<const Value> answers, Deferred& deferred) {
  Pass pass(scene, answers, &deferred);
  return pass.Done(MESG_TRY(pass.Take(mapping)));
}

}  // namespace mesg::app
