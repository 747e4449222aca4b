#include "model/data_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "model/json_value.h"

namespace mesg {
namespace {

using ::testing::HasSubstr;

Parameter P(std::string key, ParameterType type) { return {.key = std::move(key), .type = type}; }
Parameter Optional(Parameter parameter) {
  parameter.optional = true;
  return parameter;
}
Parameter Repeated(Parameter parameter) {
  parameter.repeated = true;
  return parameter;
}
Parameter Object(std::string key, std::vector<Parameter> inside, bool additional = true) {
  return {.key = std::move(key),
          .type = ParameterType::kObject,
          .object = std::move(inside),
          .additional = additional};
}
Parameter Schema(std::string key, std::string schema) {
  return {.key = std::move(key), .schema = std::move(schema)};
}

ParameterSet Transfer() {
  return {.parameters = {
              P("from", ParameterType::kString),
              P("amount", ParameterType::kNumber),
              P("final", ParameterType::kBoolean),
              Optional(P("memo", ParameterType::kString)),
              Repeated(Object("items",
                              {P("sku", ParameterType::kString), P("price", ParameterType::kNumber),
                               Repeated(Optional(P("tags", ParameterType::kString)))})),
              P("extra", ParameterType::kAny),
          }};
}

/// "" when valid, else "path: reason" of each violation on a line.
std::string Check(const ParameterSet& set, std::string_view json) {
  const auto validator = DataValidator::Compile(set);
  if (!validator) return validator.error().message;
  const auto result = validator->Validate(json, "data");
  if (result) return "";
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  std::string lines;
  for (const Violation& violation : result.error().violations) {
    lines += (violation.path.empty() ? "" : violation.path + ": ") + violation.reason + "\n";
  }
  return lines;
}

constexpr std::string_view kGood =
    R"({"from":"ann","amount":12.5e3,"final":false,"items":[{"sku":"a","price":1,"tags":["x"]},)"
    R"({"sku":"b","price":-0}],"extra":[null,{"free":{}}],"undeclared":{"kept":[1,"2"]}})";

TEST(DataValidatorTest, AcceptsWhatIsDeclaredInAnyOrderWithMore) {
  EXPECT_EQ(Check(Transfer(), kGood), "");
  EXPECT_EQ(Check(Transfer(),
                  R"( {"extra":0,"items":[],"memo":null,"final":true,"amount":0,"from":""} )"),
            "");
}

TEST(DataValidatorTest, ReportsEveryErrorWithItsPathAndBothTypes) {
  EXPECT_EQ(
      Check(Transfer(),
            R"({"from":7,"amount":"1","memo":[],"items":[{"sku":"a","price":1},)"
            R"({"sku":null,"price":{}},3,{"sku":"c","price":1,"tags":["x",4]}],"extra":null})"),
      "from: expected a String, got a Number\n"
      "amount: expected a Number, got a String\n"
      "memo: expected a String, got a list\n"
      "items[1].sku: expected a String, got null\n"
      "items[1].price: expected a Number, got an Object\n"
      "items[2]: expected an Object, got a Number\n"
      "items[3].tags[1]: expected a String, got a Number\n"
      "extra: expected an Any, got null\n"
      "final: required, expected a Boolean, but it is missing\n");
}

TEST(DataValidatorTest, TheMessageNamesTheSubjectAndAllErrors) {
  const auto validator = *DataValidator::Compile(
      {.parameters = {P("to", ParameterType::kString), P("n", ParameterType::kNumber)}});
  const auto result = validator.Validate(R"({"to":1})", "data of event \"sent\"");
  EXPECT_EQ(result.error().message,
            "data of event \"sent\": to: expected a String, got a Number; n: required, expected a "
            "Number, but it is missing");
  EXPECT_EQ(result.error().reason, "INVALID_DATA");
}

TEST(DataValidatorTest, AMessageWithoutSubjectBeginsWithTheFirstError) {
  const auto validator = *DataValidator::Compile(
      {.parameters = {P("to", ParameterType::kString), P("n", ParameterType::kNumber)}});
  EXPECT_EQ(validator.Validate(R"({"to":1})", "").error().message,
            "to: expected a String, got a Number; n: required, expected a Number, but it is "
            "missing");
  EXPECT_EQ(validator.Validate("[]", "").error().message, "expected an Object, got a list");
  EXPECT_THAT(validator.Validate("{", "").error().message,
              testing::StartsWith("It is not valid JSON: "));
}

TEST(DataValidatorTest, RepeatedNeedsAListWithoutNulls) {
  const ParameterSet set{.parameters = {Repeated(P("n", ParameterType::kNumber))}};
  EXPECT_EQ(Check(set, R"({"n":[]})"), "");
  EXPECT_EQ(Check(set, R"({"n":1})"), "n: expected a list of Number, got a Number\n");
  EXPECT_EQ(Check(set, R"({"n":null})"), "n: expected a list of Number, got null\n");
  EXPECT_EQ(Check(set, R"({"n":[1,null]})"), "n[1]: expected a Number, got null\n");
  const ParameterSet any{.parameters = {Optional(Repeated(P("n", ParameterType::kAny)))}};
  EXPECT_EQ(Check(any, R"({"n":null})"), "");
  EXPECT_EQ(Check(any, R"({"n":[{},null]})"), "n[1]: expected an Any, got null\n");
}

TEST(DataValidatorTest, UndeclaredFieldsAreRefusedOnlyWhereTheyAreForbidden) {
  const ParameterSet set{.parameters = {Object("a.b", {P("price", ParameterType::kNumber)}, false)},
                         .additional = false};
  EXPECT_EQ(Check(set, R"({"a.b":{"price":1}})"), "");
  EXPECT_EQ(Check(set, R"({"a.b":{"price":1,"prize":2},"other":{"deep":[1]}})"),
            "a\\.b.prize: is not declared, did you mean \"price\"?\n"
            "other: is not declared\n");
}

TEST(DataValidatorTest, NumbersOfAnySizeAreNumbers) {
  const ParameterSet set{.parameters = {P("n", ParameterType::kNumber)}};
  for (const std::string number : {"123456789012345678901234567890123456789", "-1e999999999",
                                   "1E+5", "0.000000000000000000000000001", "-0"}) {
    EXPECT_EQ(Check(set, "{\"n\":" + number + "}"), "") << number;
  }
}

TEST(DataValidatorTest, OnlyAnObjectIsData) {
  for (const std::string_view json : {"[]", "1", "\"x\"", "null", "true"}) {
    EXPECT_THAT(Check({}, json), HasSubstr("expected an Object, got")) << json;
  }
}

TEST(DataValidatorTest, ReportsAtMostAHundredErrorsAndCountsTheRest) {
  const ParameterSet set{.parameters = {Repeated(P("n", ParameterType::kNumber))}};
  std::string json = "{\"n\":[\"\"";
  for (int i = 1; i < 250; ++i) json += ",\"\"";
  const auto result = DataValidator::Compile(set)->Validate(json + "]}", "data");
  EXPECT_EQ(result.error().violations.size(), 100U);
  EXPECT_THAT(result.error().message, HasSubstr("; and 150 more errors"));
}

TEST(DataValidatorTest, ManyParametersAreFoundToo) {
  ParameterSet set;
  std::string json = "{";
  for (int i = 0; i < 100; ++i) {
    set.parameters.push_back(P("p" + std::to_string(i), ParameterType::kNumber));
    json += (i == 0 ? "\"p" : ",\"p") + std::to_string(99 - i) + "\":" + (i == 50 ? "\"\"" : "1");
  }
  EXPECT_EQ(Check(set, json + "}"), "p49: expected a Number, got a String\n");
}

TEST(DataValidatorTest, ASchemaDecidesWithExactNumbersAndFullPaths) {
  const ParameterSet set{
      .parameters = {
          Schema(
              "n",
              R"({"type":"integer","minimum":9007199254740993,"maximum":123456789012345678901234567890})"),
          Optional(
              Repeated(Schema("list", R"({"properties":{"a":{"items":{"pattern":"^x+$"}}}})"))),
      }};
  EXPECT_EQ(Check(set, R"({"n":9007199254740993})"), "");
  EXPECT_EQ(Check(set, R"({"n":123456789012345678901234567890})"), "");
  EXPECT_EQ(Check(set, R"({"n":9007199254740992,"list":[{},{"a":["x","y"]}]})"),
            "n: expected at least 9007199254740993, got 9007199254740992\n"
            "list[1].a[1]: expected text that matches \"^x+$\"\n");
  EXPECT_EQ(
      Check(set, R"({"n":123456789012345678901234567891,"list":null})"),
      "n: expected at most 123456789012345678901234567890, got 123456789012345678901234567891\n");
  EXPECT_EQ(Check(set, R"({"n":null})"), "n: expected integer, got null\n");
  EXPECT_EQ(Check(set, R"({"list":[]})"), "n: required, expected a value, but it is missing\n");
}

TEST(DataValidatorTest, InsideASchemaTheTextIsCheckedToo) {
  const ParameterSet set{.parameters = {Schema("x", "true")}};
  EXPECT_THAT(Check(set, R"({"x":{"a":1,"a":2}})"), HasSubstr("there twice"));
  EXPECT_THAT(Check(set, R"({"x":[01]})"), HasSubstr("malformed"));
  EXPECT_THAT(Check(set, R"({"x":{"a":tru}})"), HasSubstr("expected true or false"));
  EXPECT_EQ(Check(set, R"({"x":"\u00e9"})"), "");
}

TEST(DataValidatorTest, AnUnusableSchemaIsRefusedWithThePlace) {
  const auto refused = [](std::string schema) {
    return DataValidator::Compile({.parameters = {Object("o", {Schema("p", std::move(schema))})}})
        .error()
        .message;
  };
  EXPECT_EQ(refused(R"({"$ref":"http://example.org/a.json"})"),
            "parameter \"o\": parameter \"p\": schema /$ref: \"http://example.org/a.json\" leads "
            "outside; "
            "only references within the schema are followed (\"#/definitions/...\")");
  EXPECT_THAT(refused(R"_({"pattern":"(?=a)"})_"), HasSubstr("is not a pattern RE2 takes"));
}

TEST(CheckJsonTest, TakesEveryKindOfValue) {
  for (const std::string_view json :
       {"{}", "[]", " [ 1 , 2 ] ", "0", "-1.5e-7", "\"\"", "\"\\u00e9\\n\"", "true", "false",
        "null", "\"\\ud83d\\ude00\"", "[[],{},[{}]]", "\t\r\n 1 \n"}) {
    EXPECT_TRUE(CheckJson(json, "it")) << json;
  }
}

TEST(CheckJsonTest, RefusesWhatIsNotJson) {
  for (const std::string_view json : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "[1",
                                      "1]",
                                      "1,2",
                                      "1],[2",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "{\"a\":1 \"b\":2}",
                                      "01",
                                      "+1",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "-",
                                      "0x1",
                                      "NaN",
                                      "tru",
                                      "truee",
                                      "nul",
                                      "nulls",
                                      "True",
                                      "'a'",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"a\nb\"",
                                      "\"\x01\"",
                                      "\xff",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "{} {}",
                                      "[] x",
                                      "1 2",
                                      "[1 2]",
                                      "\xef\xbb\xbf{}",
                                      "{\"a\":1}}",
                                      "{\"a\":1]",
                                      "[1}",
                                      "/**/1",
                                      "{\"\\x\":1}",
                                      "{1:2}",
                                      "\"x\":{}}",
                                      "\"x\":{\"a\"*1}}",
                                      "[\"x\":{}}]",
                                      "{\"a\":\"x\":{}}}",
                                      "[\"a\":1]",
                                      "\"a\"b"}) {
    const auto checked = CheckJson(json, "it");
    ASSERT_FALSE(checked) << json;
    EXPECT_EQ(checked.error().code, Code::kInvalidArgument);
    EXPECT_THAT(checked.error().message, HasSubstr("it is not valid JSON: "));
  }
  EXPECT_FALSE(CheckJson(std::string_view("1\0", 2), "it"));
  EXPECT_FALSE(CheckJson(std::string_view("\"a\0b\"", 5), "it"));
}

TEST(CheckJsonTest, RefusesKeysThatAreThereTwiceHoweverTheyAreWritten) {
  EXPECT_THAT(CheckJson(R"({"a":1,"b":{"a":2},"a":3})", "it").error().message,
              HasSubstr("the key \"a\" is there twice"));
  EXPECT_FALSE(CheckJson(R"({"a":1,"\u0061":3})", "it"));
  EXPECT_FALSE(CheckJson(R"({"\"":1,"\u0022":3})", "it"));
  EXPECT_TRUE(CheckJson(R"([{"a":1},{"a":1}])", "it"));
  EXPECT_TRUE(CheckJson(R"({"a":1,"A":1,"":0," ":0})", "it"));
  const ParameterSet set{.parameters = {P("a", ParameterType::kNumber)}};
  EXPECT_THAT(Check(set, R"({"a":1,"\u0061":3})"), HasSubstr("there twice"));
}

TEST(CheckJsonTest, ManyKeysAreComparedWithoutTakingForEver) {
  std::string json = "{";
  for (int i = 0; i < 100'000; ++i) json += "\"key" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(CheckJson(json + "\"last\":0}", "it"));
  EXPECT_FALSE(CheckJson(json + "\"key5\":0}", "it"));
  EXPECT_FALSE(CheckJson(json + "\"\\u006bey99999\":0}", "it"));
  EXPECT_TRUE(CheckJson("{}", "it"));
}

TEST(CheckJsonTest, NestingIsBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(CheckJson(nested(128), "it"));
  EXPECT_THAT(CheckJson(nested(129), "it").error().message, HasSubstr("deeper than 128"));
  EXPECT_FALSE(CheckJson(nested(1'000'000), "it"));
  const auto inside = [&](std::size_t depth) { return "{\"x\":" + nested(depth) + "}"; };
  for (const ParameterSet& set :
       {ParameterSet{.parameters = {Schema("x", "true")}},
        ParameterSet{.parameters = {P("x", ParameterType::kAny)}},
        ParameterSet{.parameters = {Repeated(P("x", ParameterType::kAny))}}}) {
    const auto validator = *DataValidator::Compile(set);
    EXPECT_TRUE(validator.Validate(inside(127), "it"));
    EXPECT_FALSE(validator.Validate(inside(128), "it"));
  }
}

TEST(JsonDepthTest, CountsWhatIsOpenAtOnceAndNothingInTexts) {
  EXPECT_EQ(JsonDepth("1"), 0);
  EXPECT_EQ(JsonDepth("[[],{}]"), 2);
  EXPECT_EQ(JsonDepth(R"(["]{[\"[[[\\", {"a[[": [1]}, 2])"), 3);
}

TEST(CheckJsonTest, LargeTextsPassAndGiveTheirMemoryBack) {
  const std::string large = "{\"a\":\"" + std::string(3 << 20, 'x') + "\"}";
  EXPECT_TRUE(CheckJson(large, "it"));
  EXPECT_TRUE(CheckJson("{\"a\":1}", "it"));
  EXPECT_TRUE(CheckJson(large, "it"));
}

}  // namespace
}  // namespace mesg
