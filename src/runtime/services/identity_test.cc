#include "runtime/services/identity.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/services/env_templates.h"

namespace mesg::runtime {
namespace {

using testing::HasSubstr;

ServiceDefinition Definition(const std::string& env) {
  return ServiceDefinition::Parse("name: Test\nsid: test\nenv:\n" + env).value();
}
std::string Complete(const ServiceDefinition& definition, const EnvValues& given) {
  const auto complete = CompleteEnvironment(definition, given);
  if (!complete) return complete.error().message;
  std::string text;
  for (const auto& [key, value] : *complete) text += fmt::format("{}={} ", key, value);
  return text;
}

TEST(CompleteEnvironmentTest, ValuesAreOfTheirTypeAndNoSecretIsRepeated) {
  const auto definition = ServiceDefinition::Parse(R"(
name: x
env:
  PORT: {type: Number}
  POLL: {type: Duration}
  MODE: {enum: [fast, slow]}
  KEY: {type: Number, secret: true}
)");
  ASSERT_TRUE(definition) << definition.error().message;
  EXPECT_EQ(Complete(*definition, {{"PORT", "80"}, {"POLL", "5m"}, {"MODE", "slow"}}),
            "MODE=slow POLL=5m PORT=80 ");
  EXPECT_EQ(Complete(*definition, {{"PORT", ""}, {"KEY", std::string(kLater)}}), "KEY=*** PORT= ");
  const std::string refused = Complete(
      *definition, {{"PORT", "80a"}, {"POLL", "5"}, {"MODE", "medium"}, {"KEY", "s3cret"}});
  EXPECT_EQ(refused,
            "the environment does not fit service \"" + definition->Sid() +
                "\"; env.PORT: expected a number, got \"80a\"; env.POLL: expected a duration such "
                "as 30s or 5m, got \"5\"; env.MODE: expected one of fast, slow, got \"medium\"; "
                "env.KEY: expected a number, got another value");
}

TEST(InstanceHashTest, TellsEverythingApartThatMakesAnInstance) {
  const EnvValues none;
  const EnvValues one{{"A", "1"}, {"B", ""}};
  const EnvValues shifted{{"A", ""}, {"B", "1"}};
  const EnvValues joined{{"A", "1B"}};
  const std::set<std::string> hashes{
      InstanceHash({"s", "c", none, "n"}),         InstanceHash({"t", "c", none, "n"}),
      InstanceHash({"s", "d", none, "n"}),         InstanceHash({"s", "c", none, "m"}),
      InstanceHash({"s", "c", one, "n"}),          InstanceHash({"s", "c", shifted, "n"}),
      InstanceHash({"s", "c", joined, "n"}),       InstanceHash({"sc", "", none, "n"}),
      InstanceHash({"s", "", none, "cn"}),         InstanceHash({"s", "c", none, "n", "later"}),
      InstanceHash({"s", "c", one, "n", "later"}),
  };
  EXPECT_EQ(hashes.size(), 11);
}

// Instances keep their token and their data as long as their hash stays: it must never change.
TEST(InstanceHashTest, IsTheSameForEver) {
  EXPECT_EQ(InstanceHash({"service", "content", EnvValues{{"KEY", "value"}}, "name"}),
            "G4SUTnrGoUwFS8DRrXUyvVESBvYL8VfspK2bYHB7pSBR");
}

TEST(TokenTest, IsThirtyTwoRandomBytes) {
  EXPECT_EQ(NewToken().size(), 43);
  EXPECT_NE(NewToken(), NewToken());
}

TEST(InstanceNameTest, IsWhatASidCanBe) {
  EXPECT_TRUE(CheckInstanceName("com.example.mail-2_a"));
  EXPECT_TRUE(CheckInstanceName("_HrmjCBrXvUVLqJ1zNdeQBxrm5TZ9HSg1qXJz9JEsvqhB"));
  EXPECT_TRUE(CheckInstanceName(std::string(63, 'a')));
  for (const std::string& name :
       {std::string(), std::string(64, 'a'), std::string(".."), std::string("a/b"),
        std::string("a b"), std::string("-a"), std::string("a\0b", 3), std::string("\xC3\xA9")}) {
    const auto checked = CheckInstanceName(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, Code::kInvalidArgument);
    EXPECT_EQ(checked.error().violations.front().path, "name");
  }
}

TEST(EnvironmentTest, IsCompletedWithDefaults) {
  const auto definition = Definition("  A: one\n  B: {}\n  C: {required: true}\n");
  EXPECT_EQ(Complete(definition, {{"C", "3"}}), "A=one C=3 ");
  EXPECT_EQ(Complete(definition, {{"A", ""}, {"B", "2"}, {"C", "3"}}), "A= B=2 C=3 ");
}

TEST(EnvironmentTest, EverythingWrongIsToldAtOnceAndWithoutAValue) {
  const auto definition = Definition(
      "  API_KEY: {required: true, secret: true, description: from the console}\n"
      "  REGION: {required: true}\n  LONG: {}\n  ZERO: {}\n");
  const auto complete =
      CompleteEnvironment(definition, {{"APIKEY", "s3cret-value"},
                                       {"REGION", ""},
                                       {"LONG", std::string(65'537, 'x')},
                                       {"ZERO", std::string("s3cret\0value", 12)}});
  ASSERT_FALSE(complete);
  const Error& error = complete.error();
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(error.reason, "INVALID_ENVIRONMENT");
  ASSERT_EQ(error.violations.size(), 5);
  EXPECT_EQ(
      error.violations[0],
      (Violation{"env.APIKEY", "the service declares no such variable; did you mean API_KEY?"}));
  EXPECT_EQ(error.violations[1].path, "env.LONG");
  EXPECT_EQ(error.violations[2].path, "env.ZERO");
  EXPECT_EQ(error.violations[3],
            (Violation{"env.API_KEY", "is required and has no value (from the console)"}));
  EXPECT_EQ(error.violations[4], (Violation{"env.REGION", "is required and has no value"}));
  EXPECT_THAT(error.message, HasSubstr("env.REGION: is required"));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("s3cret")));
}

TEST(EnvironmentTest, AServiceThatDeclaresNoneTakesNone) {
  const auto definition = ServiceDefinition::Parse("name: Test\nsid: test\n").value();
  EXPECT_THAT(Complete(definition, {{"A", "1"}}), HasSubstr("it declares none"));
}

}  // namespace
}  // namespace mesg::runtime
