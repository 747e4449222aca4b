#include "app/program/deferred.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "app/file/mapping.h"
#include "model/json_value.h"

namespace mesg::app {
namespace {

constexpr auto kSecretsAt = static_cast<std::uint32_t>(Variable::kSecrets);

Error Damaged() { return DataLoss("the stored deferred inputs of an execution cannot be read"); }

Result<const Value*> MemberOf(const Value& object, std::string_view key, Value::Kind kind) {
  if (object.kind() != Value::Kind::kObject) return Damaged();
  const Value* const found = object.object().Find(key);
  if (found == nullptr || found->kind() != kind) return Damaged();
  return found;
}

bool IsStep(const Value& step) {
  return step.kind() == Value::Kind::kNumber || step.kind() == Value::Kind::kString;
}

bool MentionsSecrets(const Expression& expression) {
  return std::ranges::count(expression.Used(), kSecretsAt) > 0;
}

Result<Deferred::Part> ReadPart(const Value& from) {
  Deferred::Part part;
  part.path = MESG_TRY(MemberOf(from, "path", Value::Kind::kList))->list();
  if (!std::ranges::all_of(part.path, IsStep)) return Damaged();
  std::vector<std::string> texts;
  for (const Value& text : MESG_TRY(MemberOf(from, "texts", Value::Kind::kList))->list()) {
    if (text.kind() != Value::Kind::kString) return Damaged();
    texts.push_back(text.text());
  }
  std::vector<Expression> expressions;
  for (const Value& source : MESG_TRY(MemberOf(from, "expressions", Value::Kind::kList))->list()) {
    if (source.kind() != Value::Kind::kString) return Damaged();
    auto expression = Expression::Parse(source.text(), kVariables);
    if (!expression || expression->NeedsHelper()) return Damaged();
    expressions.push_back(*std::move(expression));
  }
  if (texts.size() != expressions.size() + 1) return Damaged();
  part.text = Template::Of(std::move(texts), std::move(expressions));
  const Value::List& input = MESG_TRY(MemberOf(from, "input", Value::Kind::kList))->list();
  if (input.size() != 1) return Damaged();
  part.input = input.front();
  part.scope = MESG_TRY(MemberOf(from, "scope", Value::Kind::kList))->list();
  if (part.scope.size() != std::size(kVariables)) return Damaged();
  return part;
}

// "headers.items[2]"
std::string TextOf(std::span<const Value> path) {
  std::string text;
  for (const Value& step : path) {
    if (step.kind() == Value::Kind::kNumber) {
      text += fmt::format("[{}]", step.Json());
    } else {
      text += (text.empty() ? "" : ".") + step.text();
    }
  }
  return text;
}

// $secrets as `expression` sees it: only what it names.
Result<Value> SecretsFor(const Expression& expression, const Deferred::Secrets& secrets,
                         std::vector<std::string>& used) {
  std::vector<Value::Member> named;
  for (const PathUse& path : expression.Paths()) {
    if (path.variable != kSecretsAt || path.keys.empty()) continue;
    const std::string& name = path.keys.front();
    auto secret = MESG_TRY(secrets(name));
    if (!secret) {
      return FailedPrecondition("the secret {} is not set; set it with mesg secret set {}", name,
                                name)
          .Because("SECRET_NOT_FOUND");
    }
    used.push_back(*secret);
    named.emplace_back(name, Value::Text(*std::move(secret)));
  }
  return Value::Of(std::move(named));
}

// `at` with `value` in the place of what is at `path`.
Value With(const Value& at, std::span<const Value> path, const Value& value) {
  if (path.empty()) return value;
  const Value& step = path.front();
  if (at.kind() == Value::Kind::kList && step.kind() == Value::Kind::kNumber) {
    Value::List items = at.list();
    const auto index = static_cast<std::size_t>(step.number().ToInt64().value_or(0));
    if (index < items.size()) items[index] = With(items[index], path.subspan(1), value);
    return Value::Of(std::move(items));
  }
  if (at.kind() == Value::Kind::kObject && step.kind() == Value::Kind::kString) {
    std::vector<Value::Member> members = at.object().Members();
    for (Value::Member& member : members) {
      if (member.first == step.text()) member.second = With(member.second, path.subspan(1), value);
    }
    return Value::Of(std::move(members));
  }
  return at;
}

}  // namespace

Result<void> Deferred::Part::CheckDepth() const {
  constexpr int kAround = 3;  // What Encode puts around its values.
  int depth = input.Depth();
  for (const Value& value : scope) depth = std::max(depth, value.Depth());
  if (depth + kAround <= kMaxJsonDepth) return {};
  return InvalidArgument("what stands beside $secrets is nested deeper than {} levels",
                         kMaxJsonDepth - kAround);
}

std::string Deferred::Encode() const {
  if (parts.empty()) return "";
  Value::List all;
  for (const Part& part : parts) {
    Value::List texts;
    for (const std::string& text : part.text.Texts()) texts.push_back(Value::Text(text));
    Value::List expressions;
    for (const Expression& expression : part.text.Expressions()) {
      expressions.push_back(Value::Text(expression.ToJq()));
    }
    all.push_back(
        Value::Of(std::vector<Value::Member>{{"path", Value::Of(part.path)},
                                             {"texts", Value::Of(std::move(texts))},
                                             {"expressions", Value::Of(std::move(expressions))},
                                             {"input", Value::Of(Value::List{part.input})},
                                             {"scope", Value::Of(part.scope)}}));
  }
  return Value::Of(std::move(all)).Json();
}

Result<Deferred> Deferred::Decode(std::string_view bytes) {
  Deferred deferred;
  if (bytes.empty()) return deferred;
  const auto all = Value::Read(bytes);
  if (!all || all->kind() != Value::Kind::kList) return Damaged();
  for (const Value& part : all->list()) deferred.parts.push_back(MESG_TRY(ReadPart(part)));
  return deferred;
}

Result<std::string> Deferred::Fill(std::string_view inputs, const Secrets& secrets,
                                   std::vector<std::string>& used) const {
  Value value = MESG_TRY(Value::Read(inputs));
  for (const Part& part : parts) {
    std::vector<Value> values;
    for (const Expression& expression : part.text.Expressions()) {
      std::vector<Value> scope = part.scope;
      const bool secret = MentionsSecrets(expression);
      if (secret) scope[kSecretsAt] = MESG_TRY(SecretsFor(expression, secrets, used));
      auto evaluated = expression.Evaluate(part.input, scope);
      if (!evaluated) {
        return InvalidArgument(
            "{}: {} fails: {}", TextOf(part.path), expression.ToJq(),
            secret ? "why is left out, because it could tell a secret" : evaluated.error().message);
      }
      values.push_back(*std::move(evaluated));
    }
    value = With(value, part.path, part.text.Fill(values));
  }
  return value.Json();
}

std::set<std::string> Deferred::Names() const {
  std::set<std::string> names;
  for (const Part& part : parts) {
    for (const Expression& expression : part.text.Expressions()) {
      for (const PathUse& path : expression.Paths()) {
        if (path.variable == kSecretsAt && !path.keys.empty()) names.insert(path.keys.front());
      }
    }
  }
  return names;
}

}  // namespace mesg::app
