#include "model/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg {
namespace {

using ::testing::HasSubstr;

/// "" when `json` fits, else "path reason" of each error.
std::string Check(std::string_view schema, std::string_view json) {
  const auto compiled = JsonSchema::Compile(schema);
  if (!compiled) return compiled.error().message;
  const auto value = ReadJson(json);
  if (!value) return value.error().message;
  std::string lines;
  (*compiled)->Check(*value, [&](const std::string& path, const std::string& reason) {
    lines += path + (path.empty() ? "" : " ") + reason + "\n";
  });
  return lines;
}

struct Case {
  const char* schema;
  const char* fits;
  const char* not_fits;
  const char* why;
};

TEST(JsonSchemaTest, EachKeywordAcceptsAndRefuses) {
  const Case cases[] = {
      {"true", "1", nullptr, ""},
      {"false", nullptr, "1", "the schema allows no value here\n"},
      {R"({"type":"string"})", R"("x")", "1", "expected string, got a number\n"},
      {R"({"type":["null","array"]})", "[]", "{}", "expected null or array, got an object\n"},
      {R"({"type":"integer"})", "1.0", "1.5", "expected an integer, got 1.5\n"},
      {R"({"type":["integer","number"]})", "1.5", "true",
       "expected integer or number, got a boolean\n"},
      {R"({"enum":["a",1,{"k":[1]}]})", R"({"k":[1.0]})", "2",
       "expected one of \"a\", 1, an object\n"},
      {R"({"const":1})", "1.0", "\"1\"", "expected one of 1\n"},
      {R"({"minimum":9007199254740993})", "9007199254740993", "9007199254740992",
       "expected at least 9007199254740993, got 9007199254740992\n"},
      {R"({"maximum":1e400})", "1e400", "1.1e400", "expected at most 1e400, got 1.1e400\n"},
      {R"({"exclusiveMinimum":0})", "1e-999", "-0", "expected more than 0, got -0\n"},
      {R"({"exclusiveMaximum":1})", "0.9999999999999999999999", "1",
       "expected less than 1, got 1\n"},
      {R"({"multipleOf":0.1})", "0.3", "0.35", "expected a multiple of 0.1, got 0.35\n"},
      {R"({"minLength":2})", R"("éé")", R"("é")", "expected at least 2 characters, got 1\n"},
      {R"({"maxLength":1})", R"("é")", R"("ab")", "expected at most 1 characters, got 2\n"},
      {R"({"pattern":"a+b"})", R"("xaabx")", R"("x")", "expected text that matches \"a+b\"\n"},
      {R"({"minItems":1})", "[1]", "[]", "expected at least 1 items, got 0\n"},
      {R"({"maxItems":1})", "[1]", "[1,2]", "expected at most 1 items, got 2\n"},
      {R"({"uniqueItems":true})", "[1,\"1\",2]", "[1,2,1.0]",
       "[2] is there before, but items must be unique\n"},
      {R"({"items":{"type":"number"}})", "[1]", "[1,\"\"]", "[1] expected number, got a string\n"},
      {R"({"items":[{"type":"number"}],"additionalItems":false})", "[1]", "[1,2]",
       "[1] the schema allows no value here\n"},
      {R"({"contains":{"const":1}})", "[0,1]", "[0]", "no item is what the list must contain\n"},
      {R"({"minProperties":1})", R"({"a":1})", "{}", "expected at least 1 fields, got 0\n"},
      {R"({"maxProperties":1})", R"({"a":1})", R"({"a":1,"b":1})",
       "expected at most 1 fields, got 2\n"},
      {R"({"required":["a"]})", R"({"a":null})", "{}", ".a required, but missing\n"},
      {R"({"properties":{"a.b":{"type":"null"}}})", R"({"c":1})", R"({"a.b":1})",
       ".a\\.b expected null, got a number\n"},
      {R"({"patternProperties":{"^x":false},"additionalProperties":{"type":"null"}})",
       R"({"y":null})", R"({"x":null,"y":1})",
       ".x the schema allows no value here\n.y expected null, got a number\n"},
      {R"({"properties":{"a":true},"additionalProperties":false})", R"({"a":1})", R"({"b":1})",
       ".b is not declared by the schema\n"},
      {R"({"propertyNames":{"maxLength":1}})", R"({"a":1})", R"({"ab":1})",
       ".ab expected at most 1 characters, got 2\n"},
      {R"({"dependencies":{"a":["b"],"c":{"required":["d"]}}})", R"({"b":1,"d":1,"a":1,"c":1})",
       R"({"a":1,"c":1})", ".b required, but missing\n.d required, but missing\n"},
      {R"({"allOf":[{"type":"number"},{"minimum":1}]})", "1", "0", "expected at least 1, got 0\n"},
      {R"({"anyOf":[{"type":"number"},{"type":"null"}]})", "null", "true",
       "is none of the 2 allowed alternatives\n"},
      {R"({"oneOf":[{"minimum":1},{"maximum":2}]})", "3", "1.5",
       "must be exactly one of 2 alternatives, is 2\n"},
      {R"({"not":{"type":"null"}})", "1", "null", "is what it must not be\n"},
      {R"({"if":{"type":"number"},"then":{"minimum":1},"else":{"type":"null"}})", "null", "\"\"",
       "expected null, got a string\n"},
      {R"({"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}})", "null", "1",
       "expected null, got a number\n"},
      {R"({"properties":{"child":{"$ref":"#"}},"additionalProperties":false})",
       R"({"child":{"child":{}}})", R"({"child":{"child":{"x":1}}})",
       ".child.child.x is not declared by the schema\n"},
  };
  for (const Case& c : cases) {
    if (c.fits != nullptr) {
      EXPECT_EQ(Check(c.schema, c.fits), "") << c.schema << " " << c.fits;
    }
    if (c.not_fits != nullptr) {
      EXPECT_EQ(Check(c.schema, c.not_fits), c.why) << c.schema << " " << c.not_fits;
    }
  }
}

TEST(JsonSchemaTest, RemarksAndExtensionsAreNoRules) {
  EXPECT_EQ(Check(R"({"title":"t","format":"email","default":1,"x-mine":{},"$schema":"s"})", "1"),
            "");
}

TEST(JsonSchemaTest, RefusesWhatIsNoSchema) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not valid JSON"},
      {"1", "schema /: expected a schema (an object or a boolean), got a number"},
      {R"({"typ":"string"})", "schema /typ: is not a keyword, did you mean \"type\"?"},
      {R"({"unevaluatedProperties":true})", "is not a keyword"},
      {R"({"type":"text"})", "schema /type: \"text\" is not a type"},
      {R"({"type":[]})", "expected at least one type"},
      {R"({"properties":{"a/b":{"minimum":"1"}}})",
       "schema /properties/a~1b/minimum: expected a number, got a string"},
      {R"({"minimum":1e99999999999999999999})", "the exponent is out of range"},
      {R"({"minLength":-1})", "expected a whole number of 0 or more"},
      {R"({"multipleOf":0})", "expected a number above 0"},
      {R"_({"pattern":"("})_", "is not a pattern RE2 takes"},
      {R"({"pattern":"(x{999}){999}"})", "is not a pattern RE2 takes"},
      {R"_({"patternProperties":{"(?!a)":true}})_", "is not a pattern RE2 takes"},
      {R"({"enum":[]})", "expected a list of at least one value"},
      {R"({"anyOf":{}})", "expected a list of at least one schema"},
      {R"({"required":[1]})", "expected only strings in the list, got a number"},
      {R"({"uniqueItems":1})", "expected true or false, got a number"},
      {R"({"properties":[]})", "expected an object, got a list"},
      {R"({"$ref":"http://x/y"})", "leads outside"},
      {R"({"$ref":"#/definitions/none"})", "\"#/definitions/none\" leads nowhere"},
      {R"({"$ref":"#name"})", "leads nowhere"},
  };
  for (const auto& [schema, why] : cases) EXPECT_THAT(Check(schema, "1"), HasSubstr(why)) << schema;
}

TEST(JsonSchemaTest, NoSchemaAndNoValueTakeForEver) {
  EXPECT_THAT(Check(R"({"$ref":"#"})", "1"), HasSubstr("too complex"));
  std::string schema = R"({"$ref":"#/$defs/d0","$defs":{"d30":{"type":"null"})";
  for (int i = 0; i < 30; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    schema += ",\"d" + std::to_string(i) + R"(":{"anyOf":[)" + next + "," + next + "]}";
  }
  EXPECT_THAT(Check(schema + "}}", "1"), HasSubstr("is none of the 2 allowed alternatives"));
}

}  // namespace
}  // namespace mesg
