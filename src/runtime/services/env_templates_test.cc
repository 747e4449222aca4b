#include "runtime/services/env_templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Result<std::optional<std::string>> Get(std::string_view name) {
  if (name == "smtp") return std::optional<std::string>("hunter2");
  return std::optional<std::string>();
}

std::string Shown(const std::map<std::string, std::string, std::less<>>& env) {
  std::string all;
  for (const auto& [key, value] : env) all += key + "=" + value + " ";
  return all;
}

EnvTemplates Templates(std::map<std::string, std::string> texts) {
  return {std::move(texts), {{"limit", "7"}, {"name", R"("n")"}, {"list", "[1]"}}, {{"URL", "u"}}};
}

TEST(EnvTemplatesTest, InputsAndEnvAreEvaluatedAtOnce) {
  const auto evaluated = EvaluateEnvironment(Templates({{"A", "${ $env.URL }/${ $inputs.name }"},
                                                        {"B", "${ $inputs.limit }"},
                                                        {"C", "${ $inputs.list }"},
                                                        {"D", "plain"}}),
                                             {});
  ASSERT_TRUE(evaluated) << evaluated.error().message;
  EXPECT_EQ(Shown({evaluated->env.begin(), evaluated->env.end()}), "A=u/n B=7 C=[1] D=plain ");
  EXPECT_EQ(evaluated->deferred, "");
}

TEST(EnvTemplatesTest, WhatMentionsASecretIsPutInPlaceLater) {
  const EnvTemplates templates = Templates({{"A", "${ $inputs.name }:${ $secrets.smtp }"},
                                            {"B", "${ $secrets.smtp }"},
                                            {"C", "${ $secrets.smtp | length }"},
                                            {"D", "plain"}});
  const auto evaluated = EvaluateEnvironment(templates, {});
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(Shown({evaluated->env.begin(), evaluated->env.end()}), "A=*** B=*** C=*** D=plain ");
  const auto filled = FillEnvironment(evaluated->deferred, Get);
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(Shown({filled->env.begin(), filled->env.end()}), "A=n:hunter2 B=hunter2 C=7 ");
  EXPECT_THAT(filled->values, ElementsAre("hunter2", "hunter2", "hunter2"));
  EXPECT_EQ(EvaluateEnvironment(templates, {})->deferred, evaluated->deferred)
      << "an instance is known again by it";
  EXPECT_THAT(evaluated->deferred, Not(HasSubstr("hunter2")));
}

TEST(EnvTemplatesTest, ASecretThatIsNotSetIsNamed) {
  const auto evaluated = EvaluateEnvironment(Templates({{"A", "${ $secrets.none }"}}), {});
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(FillEnvironment(evaluated->deferred, Get).error().reason, "SECRET_NOT_FOUND");
  EXPECT_EQ(FillEnvironment(evaluated->deferred, {}).error().reason, "SECRET_NOT_FOUND");
}

TEST(EnvTemplatesTest, EveryVariableThatIsWrongIsSaid) {
  const auto wrong = EvaluateEnvironment(
      Templates({{"A", "${ $env.NONE }"}, {"B", "${ ((( }"}, {"C", "${ 1 / 0 }"}, {"D", "d"}}), {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, "INVALID_ENVIRONMENT");
  ASSERT_EQ(wrong.error().violations.size(), 3U);
  EXPECT_THAT(wrong.error().message,
              HasSubstr("env.A: comes to null, which no variable can be; env.B: "));
  EXPECT_FALSE(EvaluateEnvironment({{}, {{"a", "{"}}, {}}, {}));
}

TEST(EnvTemplatesTest, ANullMadeOfASecretIsRefusedWhenItIsMade) {
  const auto evaluated = EvaluateEnvironment(
      Templates({{"A", "${ if $secrets.smtp == \"\" then 1 else null end }"}}), {});
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(FillEnvironment(evaluated->deferred, Get).error().message,
            "A: comes to null, which no variable can be");
}

TEST(EnvTemplatesTest, TheHelperIsAskedForWhatItAloneCan) {
  const EnvTemplates templates = Templates({{"A", "is ${ $inputs.name | test(\"n\") }"}});
  EXPECT_THAT(EvaluateEnvironment(templates, {}).error().message,
              HasSubstr("env.A: nothing is there to evaluate such expressions"));
  const auto evaluated = EvaluateEnvironment(
      templates,
      [](const app::HelperCall&, const auto& reply) { reply(app::Value::Boolean(true)); });
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(evaluated->env.at("A"), "is true");
  EXPECT_EQ(EvaluateEnvironment(templates, [](const app::HelperCall&,
                                              const auto& reply) { reply(InvalidArgument("no")); })
                .error()
                .violations.front()
                .reason,
            "no");
}

TEST(EnvTemplatesTest, WhatWasNotStoredSoIsRefused) {
  EXPECT_EQ(FillEnvironment("{", Get).error().code, Code::kDataLoss);
  app::Deferred deferred;
  deferred.parts.resize(1);
  deferred.parts.front().scope.resize(std::size(app::kVariables));
  EXPECT_EQ(FillEnvironment(deferred.Encode(), Get).error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace mesg::runtime
