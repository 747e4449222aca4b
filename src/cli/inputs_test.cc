#include "cli/inputs.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/terminal_test_support.h"

namespace mesg::cli {
namespace {

using ::mesg::v1::Parameter;

Parameter Declare(const std::string& key, const std::string& type, bool repeated = false,
                  bool optional = false) {
  Parameter parameter;
  parameter.set_key(key);
  parameter.set_type(type);
  parameter.set_repeated(repeated);
  parameter.set_optional(optional);
  return parameter;
}

std::string Cast(const std::string& type, std::string_view text, bool repeated = false) {
  const auto value = CastValue(Declare("x", type, repeated), text);
  return value ? *value : value.error().message;
}

Parameters Declared(std::initializer_list<Parameter> parameters) {
  return {parameters.begin(), parameters.end()};
}

TEST(InputsTest, AValueIsReadByItsDeclaredType) {
  EXPECT_EQ(Cast("String", "12"), "\"12\"");
  EXPECT_EQ(Cast("String", "say \"hi\""), R"("say \"hi\"")");
  EXPECT_EQ(Cast("Any", "true"), "\"true\"");
  EXPECT_EQ(Cast("Number", "123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(Cast("Boolean", "false"), "false");
  EXPECT_EQ(Cast("Object", "{ \"a\": 1 }"), R"({"a":1})");
  EXPECT_EQ(Cast("", "[1, 2]"), "[1,2]") << "a JSON Schema";
  EXPECT_EQ(Cast("", "plain text"), "\"plain text\"");
}

TEST(InputsTest, AValueOfAnotherTypeIsRefusedByName) {
  EXPECT_EQ(Cast("Number", "twelve"), "\"x\" must be a Number, got \"twelve\"");
  EXPECT_EQ(Cast("Number", ""), "\"x\" must be a Number, got \"\"");
  EXPECT_EQ(Cast("Boolean", "yes"), "\"x\" must be a Boolean (true or false), got \"yes\"");
  EXPECT_EQ(Cast("Object", "[1]"), "\"x\" must be a JSON object, got \"[1]\"");
  EXPECT_EQ(Cast("Number", "1,a", true), "\"x\" must be a Number, got \"a\"");
  EXPECT_EQ(Cast("Number", "[1,", true), "\"x\" must be a JSON list, got \"[1,\"");
}

TEST(InputsTest, AListIsSplitAtCommasOrGivenAsJson) {
  EXPECT_EQ(Cast("Number", "1,2.5,-3", true), "[1,2.5,-3]");
  EXPECT_EQ(Cast("String", "a,b,", true), R"(["a","b",""])");
  EXPECT_EQ(Cast("String", "", true), "[]");
  EXPECT_EQ(Cast("String", "[\"a,b\"]", true), R"(["a,b"])");
}

TEST(InputsTest, WordsBecomeOneObject) {
  const Parameters parameters = Declared({Declare("name", "String"), Declare("count", "Number")});
  EXPECT_EQ(*CastData(parameters, {"count=3", "name=a=b"}), R"({"count":3,"name":"a=b"})");
  EXPECT_EQ(CastData(parameters, {"nam=a"}).error().message,
            "\"nam\" is not declared, did you mean \"name\"?");
  EXPECT_EQ(CastData(parameters, {"colour=a"}).error().message,
            "\"colour\" is not declared: only a JSON document can carry undeclared values");
  const Error shapeless = CastData(parameters, {"name"}).error();
  EXPECT_EQ(shapeless.message, "--data takes KEY=VALUE, got \"name\"");
  EXPECT_EQ(shapeless.reason, kUsageReason);
  const Error twice = CastData(parameters, {"name=a", "name=b"}).error();
  EXPECT_EQ(twice.message, "--data gives \"name\" twice");
  EXPECT_EQ(twice.reason, kUsageReason);
}

TEST(InputsTest, APersonIsAskedUntilTheTypeIsRight) {
  const Parameters parameters =
      Declared({Declare("name", "String"), Declare("count", "Number"),
                Declare("note", "String", false, true), Declare("given", "Boolean")});
  TestTerminal test("Ada\nmany\n3\n\n", {.input_is_terminal = true});
  const auto data = AskForData(parameters, {"given=true"}, test.terminal);
  ASSERT_TRUE(data);
  EXPECT_EQ(*data, R"({"given":true,"name":"Ada","count":3})");
  EXPECT_EQ(test.err.str(),
            "name (String): count (Number): \"count\" must be a Number, got \"many\"\n"
            "count (Number): note (String, optional): ");
}

TEST(InputsTest, AskingEndsWithTheInput) {
  TestTerminal test("", {.input_is_terminal = true});
  EXPECT_EQ(AskForData(Declared({Declare("name", "String")}), {}, test.terminal).error().message,
            "the input ended before an answer came");
}

TEST(InputsTest, APipeIsNotAsked) {
  TestTerminal test("Ada\n");
  EXPECT_EQ(AskForData(Declared({Declare("name", "String")}), {}, test.terminal).error().message,
            "cannot ask \"name (String):\": the input is not a terminal");
}

TEST(InputsTest, ADocumentComesFromAFileOrTheInput) {
  TestTerminal test("{\"a\": 1}");
  EXPECT_EQ(*ReadFileOrInput("-", test.terminal), "{\"a\": 1}");
  const std::string file = testing::TempDir() + "inputs_" + std::to_string(getpid()) + ".json";
  std::ofstream(file) << "{}";
  EXPECT_EQ(*ReadFileOrInput(file, test.terminal), "{}");
  EXPECT_EQ(ReadFileOrInput(file + ".none", test.terminal).error().code, Code::kNotFound);
  EXPECT_FALSE(ReadFileOrInput(testing::TempDir(), test.terminal)) << "a folder";
}

}  // namespace
}  // namespace mesg::cli
