#include "app/program/deferred.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/program/evaluation.h"

namespace mesg::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::map<std::string, std::string, std::less<>> kSet = {
    {"smtp", "hunter2 \"quoted\""}, {"port", "25"}, {"token", "abc"}};

Result<std::optional<std::string>> Get(std::string_view name) {
  const auto found = kSet.find(name);
  return found == kSet.end() ? std::nullopt : std::optional(found->second);
}

Deferred::Part Part(std::string_view path, std::string_view text, std::string_view input = "null") {
  Deferred::Part part;
  part.path = Value::Read(path)->list();
  part.text = *Template::Parse(text, kVariables);
  part.input = *Value::Read(input);
  part.scope.resize(std::size(kVariables));
  return part;
}

/// Through the stored form and back, as it always goes.
std::string Fill(const Deferred& deferred, std::string_view inputs,
                 std::vector<std::string>* values = nullptr) {
  const auto stored = Deferred::Decode(deferred.Encode());
  if (!stored) return stored.error().message;
  std::vector<std::string> used;
  const auto filled = stored->Fill(inputs, Get, used);
  if (values != nullptr) *values = used;
  return filled ? *filled : filled.error().message;
}

TEST(DeferredTest, NothingIsNothing) {
  EXPECT_EQ(Deferred().Encode(), "");
  EXPECT_TRUE(Deferred::Decode("")->parts.empty());
  EXPECT_EQ(Fill({}, R"({"a":1})"), R"({"a":1})");
}

TEST(DeferredTest, WhatCouldNotBeReadAgainIsNotKept) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["a"])", "${ $secrets.port } ${ length }", nested(125)));
  EXPECT_TRUE(deferred.parts[0].CheckDepth());
  EXPECT_EQ(Fill(deferred, R"({"a":null})"), R"({"a":"25 1"})");
  EXPECT_THAT(Part(R"(["a"])", "${ $secrets.port }", nested(126)).CheckDepth().error().message,
              HasSubstr("nested deeper than 125 levels"));
  Deferred::Part scope = Part(R"(["a"])", "${ $secrets.port }");
  scope.scope[0] = *Value::Read(nested(126));
  EXPECT_FALSE(scope.CheckDepth());

  // The step that would keep it fails.
  Mapping text;
  text.kind = Mapping::Kind::kTemplate;
  text.text.push_back(*Template::Parse("${ $secrets.port } ${ .id }", kVariables));
  const Scene scene{[&] { return Value::Read(nested(126)); },
                    [](const Expression&) -> Result<std::vector<Value>> {
                      return std::vector<Value>(std::size(kVariables));
                    }};
  Deferred none;
  EXPECT_EQ(EvaluateInputs(text, scene, {}, none).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(none.parts.empty());
}

TEST(DeferredTest, FillsWholeValuesAndTextAnywhere) {
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["password"])", "${ $secrets.smtp }"));
  deferred.parts.push_back(Part(R"(["headers",1,"Authorization"])", "Bearer ${ $secrets.token }!"));
  deferred.parts.push_back(Part(R"(["port"])", "${ $secrets.port | tonumber }"));
  std::vector<std::string> used;
  EXPECT_EQ(
      Fill(deferred,
           R"({"to":"a","password":null,"headers":[{},{"Authorization":null}],"port":null})",
           &used),
      R"({"to":"a","password":"hunter2 \"quoted\"","headers":[{},{"Authorization":"Bearer abc!"}],"port":25})");
  EXPECT_THAT(used, ElementsAre(kSet.at("smtp"), "abc", "25"));
}

TEST(DeferredTest, KeepsAllElseThatAnExpressionNeeds) {
  Deferred deferred;
  Deferred::Part part =
      Part(R"(["login"])", "${ .user }:${ $secrets.token }@${ $inputs.host }", R"({"user":"u"})");
  part.scope[static_cast<std::size_t>(Variable::kInputs)] = *Value::Read(R"({"host":"h"})");
  deferred.parts.push_back(part);
  EXPECT_EQ(Fill(deferred, R"({"login":null})"), R"({"login":"u:abc@h"})");
  EXPECT_THAT(deferred.Encode(), Not(HasSubstr("abc")));
  EXPECT_THAT(deferred.Names(), ElementsAre("token"));
}

TEST(DeferredTest, OneThatIsNotSetIsNamed) {
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["a"])", "${ $secrets.smtp } ${ $secrets.none }"));
  std::vector<std::string> used;
  const auto filled = deferred.Fill(R"({"a":null})", Get, used);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(filled.error().reason, "SECRET_NOT_FOUND");
  EXPECT_EQ(filled.error().message, "the secret none is not set; set it with mesg secret set none");
  EXPECT_THAT(deferred.Names(), ElementsAre("none", "smtp"));
}

TEST(DeferredTest, AnErrorOfWhoeverKeepsThemIsPassedOn) {
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["a"])", "${ $secrets.smtp }"));
  std::vector<std::string> used;
  const auto filled = deferred.Fill(
      R"({"a":null})",
      [](std::string_view) -> Result<std::optional<std::string>> { return Unavailable("locked"); },
      used);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().message, "locked");
}

TEST(DeferredTest, WhyAnExpressionFailsIsToldOnlyWhereItSeesNoSecret) {
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["list",2,"port"])", "${ $secrets.smtp | tonumber }"));
  EXPECT_EQ(
      Fill(deferred, "{}"),
      "list[2].port: ($secrets[\"smtp\"] | tonumber) fails: why is left out, because it could tell "
      "a secret");
  deferred.parts = {Part(R"(["a"])", "${ .b.c } ${ $secrets.smtp }", R"({"b":"text"})")};
  EXPECT_THAT(Fill(deferred, "{}"), HasSubstr("[\"c\"] fails: "));
  EXPECT_THAT(Fill(deferred, "{}"), Not(HasSubstr("left out")));
}

TEST(DeferredTest, WhatIsNotWhereItWasIsLeftAlone) {
  Deferred deferred;
  deferred.parts.push_back(Part(R"(["a",7,"b"])", "${ $secrets.smtp }"));
  EXPECT_EQ(Fill(deferred, R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(Fill(deferred, R"({"a":{"b":1}})"), R"({"a":{"b":1}})");
}

TEST(DeferredTest, WhatNoEncodeWroteIsRefused) {
  const std::string scope = R"("scope":[null,null,null,null,null,null,null,null])";
  const std::string good = R"({"path":[],"texts":["",""],"expressions":["1"],"input":[null],)";
  ASSERT_TRUE(Deferred::Decode("[" + good + scope + "}]"));
  for (const std::string& bytes : {
           std::string("{"),
           std::string("{}"),
           std::string("[1]"),
           std::string("[{}]"),
           "[" + good + R"("scope":[]}])",
           "[" + good + R"("scope":{}}])",
           R"([{"path":[null],"texts":[""],"expressions":[],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":[1],"expressions":[],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":[],"expressions":[],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":["",""],"expressions":[1],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":["",""],"expressions":["((("],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":["",""],"expressions":["$no"],"input":[null],)" + scope + "}]",
           R"([{"path":[],"texts":[""],"expressions":[],"input":[],)" + scope + "}]",
       }) {
    const auto decoded = Deferred::Decode(bytes);
    ASSERT_FALSE(decoded) << bytes;
    EXPECT_EQ(decoded.error().code, Code::kDataLoss) << bytes;
  }
}

}  // namespace
}  // namespace mesg::app
