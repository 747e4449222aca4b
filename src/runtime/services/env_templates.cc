#include "runtime/services/env_templates.h"

#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/file/mapping.h"

namespace mesg::runtime {
namespace {

using app::Value;

/// What an expression of an environment sees.
Result<app::Scene> SceneOf(const EnvTemplates& templates) {
  std::vector<Value::Member> inputs;
  for (const auto& [key, json] : templates.inputs) {
    auto value = Value::Read(json);
    if (!value) return Annotate(std::move(value).error(), "input " + key);
    inputs.emplace_back(key, *std::move(value));
  }
  std::vector<Value::Member> env;
  for (const auto& [key, text] : templates.env) env.emplace_back(key, Value::Text(text));
  std::vector<Value> scope(std::size(app::kVariables));
  scope[static_cast<std::size_t>(app::Variable::kInputs)] = Value::Of(std::move(inputs));
  scope[static_cast<std::size_t>(app::Variable::kEnv)] = Value::Of(std::move(env));
  return app::Scene{
      []() -> Result<Value> { return Value(); },
      [scope](const app::Expression&) -> Result<std::vector<Value>> { return scope; }};
}

Result<std::vector<Value>> Ask(const std::vector<app::HelperCall>& calls, const AskHelper& helper) {
  if (!helper) return Unavailable("nothing is there to evaluate such expressions");
  std::vector<Value> answers;
  for (const app::HelperCall& call : calls) {
    auto answered = std::make_shared<std::promise<Result<Value>>>();
    auto answer = answered->get_future();
    helper(call, [answered](Result<Value> value) { answered->set_value(std::move(value)); });
    answers.push_back(MESG_TRY(answer.get()));
  }
  return answers;
}

/// A variable's value; none for null, which is no text.
std::optional<std::string> TextOf(const Value& value) {
  if (value.kind() == Value::Kind::kNull) return std::nullopt;
  return value.kind() == Value::Kind::kString ? value.text() : value.Json();
}

Result<Value> EvaluateOne(const std::string& text, const app::Scene& scene, const AskHelper& helper,
                          app::Deferred& deferred) {
  app::Mapping mapping;
  mapping.kind = app::Mapping::Kind::kTemplate;
  mapping.text.push_back(MESG_TRY(app::Template::Parse(text, app::kVariables)));
  auto evaluated = MESG_TRY(app::EvaluateInputs(mapping, scene, {}, deferred));
  if (const auto* calls = std::get_if<std::vector<app::HelperCall>>(&evaluated)) {
    const auto answers = MESG_TRY(Ask(*calls, helper));
    evaluated = MESG_TRY(app::EvaluateInputs(mapping, scene, answers, deferred));
  }
  const auto* value = std::get_if<Value>(&evaluated);
  MESG_CHECK(value != nullptr, "the helper was asked for everything");
  return *value;
}

}  // namespace

Result<EvaluatedEnvironment> EvaluateEnvironment(const EnvTemplates& templates,
                                                 const AskHelper& helper) {
  EvaluatedEnvironment evaluated;
  const app::Scene scene = MESG_TRY(SceneOf(templates));
  app::Deferred deferred;
  std::vector<Violation> violations;
  for (const auto& [key, text] : templates.texts) {
    const std::size_t before = deferred.parts.size();
    const auto value = EvaluateOne(text, scene, helper, deferred);
    if (!value) {
      violations.push_back({"env." + key, value.error().message});
    } else if (deferred.parts.size() > before) {
      deferred.parts.back().path = {Value::Text(key)};
      evaluated.env[key] = kLater;
    } else if (const auto plain = TextOf(*value)) {
      evaluated.env[key] = *plain;
    } else {
      violations.push_back({"env." + key, "comes to null, which no variable can be"});
    }
  }
  if (violations.empty()) {
    evaluated.deferred = deferred.Encode();
    return evaluated;
  }
  Error error = InvalidArgument("the environment cannot be evaluated");
  for (const Violation& violation : violations) {
    error.message += fmt::format("; {}: {}", violation.path, violation.reason);
  }
  error.violations = std::move(violations);
  return std::move(error).Because("INVALID_ENVIRONMENT");
}

Result<SecretEnvironment> FillEnvironment(std::string_view deferred,
                                          const app::Deferred::Secrets& secrets) {
  const auto decoded = MESG_TRY(app::Deferred::Decode(deferred));
  std::vector<Value::Member> members;
  for (const app::Deferred::Part& part : decoded.parts) {
    if (part.path.size() != 1 || part.path.front().kind() != Value::Kind::kString) {
      return DataLoss("the stored environment cannot be read");
    }
    members.emplace_back(part.path.front().text(), Value());
  }
  const auto get = [&secrets](std::string_view name) -> Result<std::optional<std::string>> {
    if (!secrets) return std::optional<std::string>();
    return secrets(name);
  };
  SecretEnvironment filled;
  const Value all = MESG_TRY(Value::Read(
      MESG_TRY(decoded.Fill(Value::Of(std::move(members)).Json(), get, filled.values))));
  for (const auto& [key, value] : all.object().Members()) {
    auto text = TextOf(value);
    if (!text) return InvalidArgument("{}: comes to null, which no variable can be", key);
    filled.env[key] = *std::move(text);
  }
  return filled;
}

}  // namespace mesg::runtime
