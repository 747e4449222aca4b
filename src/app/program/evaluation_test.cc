#include "app/program/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::app {
namespace {

using ::testing::HasSubstr;

/// `.` and $inputs, and that $secrets is never asked for.
Scene TheScene() {
  return {[]() -> Result<Value> { return Value::Read(R"({"n":2,"who":"Ada"})"); },
          [](const Expression&) -> Result<std::vector<Value>> {
            std::vector<Value> scope(std::size(kVariables));
            scope[static_cast<std::size_t>(Variable::kInputs)] =
                MESG_TRY(Value::Read(R"({"host":"h","list":[1,2]})"));
            return scope;
          }};
}

Mapping Text(std::string_view text) {
  Mapping mapping;
  mapping.kind = Mapping::Kind::kTemplate;
  mapping.text.push_back(*Template::Parse(text, kVariables));
  return mapping;
}
Mapping Literal(std::string_view json) {
  Mapping mapping;
  mapping.literal = *Value::Read(json);
  return mapping;
}
Mapping Object(const std::vector<std::pair<std::string, Mapping>>& members) {
  Mapping mapping;
  mapping.kind = Mapping::Kind::kObject;
  for (const auto& [key, item] : members) {
    mapping.keys.push_back(key);
    mapping.items.push_back(item);
  }
  return mapping;
}
Mapping List(std::vector<Mapping> items) {
  Mapping mapping;
  mapping.kind = Mapping::Kind::kList;
  mapping.items = std::move(items);
  return mapping;
}

/// The value as JSON, the error, or what the helper is to be asked.
std::string Shown(const Result<Evaluated>& evaluated) {
  if (!evaluated) return evaluated.error().message;
  if (const auto* value = std::get_if<Value>(&*evaluated)) return value->Json();
  std::string all = "asks";
  for (const HelperCall& call : std::get<std::vector<HelperCall>>(*evaluated)) {
    all += " [" + call.expression.ToJq() + " of " + call.input.Json() + "]";
  }
  return all;
}

TEST(EvaluationTest, AMappingBecomesDataWithTheTypesOfItsExpressions) {
  const Mapping mapping = Object({{"a", Text("${ .n + 1 }")},
                                  {"b", List({Text("Dear ${ .who }, ${ .n }"), Literal("true")})},
                                  {"c", Text("${ $inputs.list }")}});
  EXPECT_EQ(Shown(Evaluate(mapping, TheScene(), {})),
            R"({"a":3,"b":["Dear Ada, 2",true],"c":[1,2]})");
}

TEST(EvaluationTest, AnExpressionThatFailsSaysWhy) {
  const auto failed = Evaluate(*Expression::Parse(".who.first", kVariables), TheScene(), {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kInvalidArgument);
}

// With what stands around it in the file.
TEST(EvaluationTest, AValueIsNestedNoDeeperThanJsonMayBe) {
  const Mapping deep = Text("${ reduce range(127) as $i (0; [.]) }");
  EXPECT_THAT(Shown(Evaluate(List({deep}), TheScene(), {})), HasSubstr("[[0]]"));
  const char* const kTooDeep = "the value is nested deeper than 128 levels";
  EXPECT_EQ(Shown(Evaluate(List({List({deep})}), TheScene(), {})), kTooDeep);
  EXPECT_EQ(Shown(Evaluate(List({Object({{"a", deep}})}), TheScene(), {})), kTooDeep);
  const Mapping helped = Text("${ .who | test(\"A\") }");
  std::string answer(128, '[');
  const std::vector<Value> answers = {*Value::Read(answer + std::string(128, ']'))};
  EXPECT_EQ(Shown(Evaluate(List({helped}), TheScene(), answers)), kTooDeep);
}

TEST(EvaluationTest, WhatNeedsTheHelperIsAskedForOnceForAll) {
  const Expression first = *Expression::Parse(".who | test(\"A\")", kVariables);
  ASSERT_TRUE(first.NeedsHelper());
  const Mapping mapping = Object({{"a", Text("${ .who | test(\"A\") }")},
                                  {"b", Text("${ .n }")},
                                  {"c", Text("x${ .who | test(\"B\") }")}});
  EXPECT_THAT(Shown(Evaluate(mapping, TheScene(), {})), HasSubstr(R"(of {"n":2,"who":"Ada"}] [)"));
  const std::vector<Value> answers = {Value::Boolean(true), Value::Boolean(false)};
  EXPECT_EQ(Shown(Evaluate(mapping, TheScene(), answers)), R"({"a":true,"b":2,"c":"xfalse"})");
}

TEST(EvaluationTest, AnErrorOfTheSceneIsTheResult) {
  Scene scene = TheScene();
  scene.input = []() -> Result<Value> { return DataLoss("damaged"); };
  EXPECT_EQ(Shown(Evaluate(Text("${ .n }"), scene, {})), "damaged");
  EXPECT_EQ(Shown(Evaluate(*Template::Parse("a", kVariables), scene, {})), R"("a")");
}

TEST(EvaluationTest, WhatMentionsSecretsIsLeftForLater) {
  const Mapping mapping = Object(
      {{"to", Text("${ .who }")},
       {"login", List({Literal("1"), Text("${ .who }:${ $secrets.smtp }@${ $inputs.host }")})},
       {"key", Text("${ $secrets.key }")}});
  Deferred deferred;
  EXPECT_EQ(Shown(EvaluateInputs(mapping, TheScene(), {}, deferred)),
            R"({"to":"Ada","login":[1,null],"key":null})");
  ASSERT_EQ(deferred.parts.size(), 2U);
  std::vector<std::string> used;
  const auto filled =
      deferred.Fill(R"({"to":"Ada","login":[1,null],"key":null})",
                    [](std::string_view name) -> Result<std::optional<std::string>> {
                      return std::optional("<" + std::string(name) + ">");
                    },
                    used);
  ASSERT_TRUE(filled);
  EXPECT_EQ(*filled, R"({"to":"Ada","login":[1,"Ada:<smtp>@h"],"key":"<key>"})");
}

TEST(EvaluationTest, SecretsAreNotForTheHelper) {
  Deferred deferred;
  EXPECT_THAT(Shown(EvaluateInputs(Object({{"a", Text("${ $secrets.smtp | test(\"a\") }")}}),
                                   TheScene(), {}, deferred)),
              HasSubstr("$secrets can only stand in expressions that Core evaluates itself"));
}

}  // namespace
}  // namespace mesg::app
