#include "app/expression/expression.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace mesg::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::array<std::string_view, 3> kScope = {"event", "inputs", "steps"};

Result<Expression> Parse(std::string_view source) { return Expression::Parse(source, kScope); }

// The value as JSON, or "error: ..." with the message.
std::string Evaluate(std::string_view source, std::string_view input = "null",
                     std::uint64_t steps = Expression::kSteps) {
  const auto expression = Parse(source);
  if (!expression) return "error: " + expression.error().message;
  if (expression->NeedsHelper()) return "helper";
  const auto value = Value::Read(input);
  if (!value) return "error: " + value.error().message;
  const std::vector<Value> scope = {Value::Text("the event"), *Value::Read(R"({"limit":5})"), {}};
  const auto result = expression->Evaluate(*value, scope, steps);
  return result ? result->Json() : "error: " + result.error().message;
}

struct Sample {
  const char* input;
  const char* expression;
};

// What jq 1.6 says to each is what we say; those that need the helper are only written again.
const std::vector<Sample>& Samples() {
  static const std::vector<Sample> samples = {
      {R"~({"a":1,"b":[1,2,3]})~", R"~(.a, .b[1], .b[-1], .b[5], .c, .c.d.e?)~"},
      {R"~({"a":1,"b":[1,2,3]})~", R"~(.b[1:], .b[:-1], .b[1:2], .b[-2:])~"},
      {R"~("héllo wörld")~", R"~(.[1:4], length, utf8bytelength, .[-3:])~"},
      {R"~([3,1,2])~", R"~(sort, min, max, reverse, add, length, first, last, any, all)~"},
      {R"~([{"a":3,"b":1},{"a":1,"b":2},{"a":3,"b":0}])~",
       R"~(sort_by(.a), group_by(.a), unique_by(.a), min_by(.a), max_by(.a), map(.a), (map(.a)|add))~"},
      {R"~({"b":2,"a":1})~", R"~(keys, keys_unsorted, to_entries, with_entries(.value += 1))~"},
      {R"~({"b":2,"a":1})~",
       R"~(keys, keys_unsorted, to_entries, with_entries(.value |= .), map_values(. * 2), del(.a))~"},
      {R"~({"b":2,"a":1})~",
       R"~(with_entries(select(.key != "a")), map_values(. * 10), map(. + 1), add)~"},
      {R"~(null)~",
       R"~([range(5)], [range(2;4)], [range(0;10;3)], [range(5;0;-2)], [range(0,1;3,4)])~"},
      {R"~(null)~",
       R"~([limit(3; range(10))], [first(range(10))], first(range(10;20)), [nth(2; range(10))], isempty(empty), isempty(1))~"},
      {R"~(null)~", R"~((1,2) as $x | $x * 10)~"},
      {R"~(null)~",
       R"~([(1,2) + (10,20)], [(1,2) == (1,2)], [(true,false) and (true,false)], [(1,null) // 5], [empty // 7], (false // false))~"},
      {R"~(null)~", R"~({a:(1,2), b:(3,4)})~"},
      {R"~(null)~", R"~({"a b":1, "c":2} | .["a b"], ."a b", ."c")~"},
      {R"~(null)~",
       R"~(reduce range(5) as $i (0; . + $i), [foreach range(5) as $i (0; . + $i)], [foreach range(5) as $i (0; . + $i; [$i,.])])~"},
      {R"~(null)~",
       R"~(try error("x") catch ., try error({a:1}) catch .a, [.[]?], (try (1,error("y"),3) catch .))~"},
      {R"~(null)~",
       R"~("a" * 3, "a" * 0, "x" + null, {} + {a:1}, {a:{b:1}} * {a:{c:2}}, [1,2,3] - [2], "a,b,c" / ",")~"},
      {R"~([1,[2,[3,[4]]]])~", R"~(flatten, flatten(1), [..|numbers], [recurse|arrays|length])~"},
      {R"~("a,b, c")~",
       R"~(split(","), split(""), ascii_upcase, ltrimstr("a,"), rtrimstr("c"), startswith("a"), endswith("x"), explode, (explode|implode), index(","), rindex(","), indices(","))~"},
      {R"~(["a",1,null,true])~",
       R"~(join("-"), join(", "), tojson, (tojson|fromjson), map(type), map(tostring))~"},
      {R"~("12.5")~",
       R"~(tonumber, (tonumber * 2), (tonumber|floor), (tonumber|round), (tonumber|ceil))~"},
      {R"~({"a":[1,{"b":2}]})~",
       R"~(contains({a:[{b:2}]}), (.a|contains([1])), has("a"), has("z"), (.a|has(0)), ("foobar"|contains("bar")), getpath(["a",1,"b"]), getpath(["x","y"]))~"},
      {R"~(null)~",
       R"~("x\(1+1)y\("a"+"b")", @json "v=\([1,"a"])", @uri "q=\("a b&c/ü")", @html "<b>\("<&>")</b>", @base64 "\("hello")", ("hi"|@base64))~"},
      {R"~(5)~",
       R"~(if . > 3 then "big" elif . > 1 then "mid" else "small" end, (if . == 5 then 1 else 2 end), -., -(.), . - 1, .-1, (. | -. + 2))~"},
      {R"~(null)~", R"~(1 as $x | 2 as $y | [$x,$y,$x+$y], ([1,2,3] | .[1] as $m | map(. * $m)))~"},
      {R"~(null)~", R"~(label $out | 1, 2, break $out, 3)~"},
      {R"~(null)~", R"~([label $out | (1,2,3) | if . == 2 then break $out else . end])~"},
      {R"~([[1,2],[3,4]])~", R"~(.[0,1][0,1], transpose, map(add), .[][0])~"},
      {R"~(null)~",
       R"~(7 % 3, -7 % 3, 7 / 2, 1 / 3 * 3 > 0.9, 5 - 3 * 2, (5 - 3) * 2, 2 * 3 + 4 * 5, 10 / 2 / 5)~"},
      {R"~(null)~",
       R"~(1 < 2, "a" < "b", [1] < [2], {a:1} < {a:2}, null < false, 1 == 1.0, "1" == 1, [1,2] == [1,2], {a:1,b:2} == {b:2,a:1})~"},
      {R"~([{"key":"a","value":1},{"name":"b","value":null},{"key":"c","value":3}])~",
       R"~(from_entries)~"},
      {R"~([1,null,2])~",
       R"~([.[] | values], [.[] | select(. != null)], map(. // 0), (.[1] // "d"), all(. == null or . > 0), any(. == 2), any(.[]; . == 1), all(.[]; . == 1))~"},
      {R"~([1,2,1,3,1,2])~", R"~(indices(1), indices([1,2]), index(1), unique, (. - [1]))~"},
      {R"~(null)~",
       R"~([.[]?, 1], (.a.b.c), .["a"]?, ([] | first, last), ({} | keys), ([]|add), ([]|min), ({}|length))~"},
      {R"~({"user":"u","n":2})~",
       R"~({user, n}, {user: .user, m: (.n + 1)}, {"n"}, {(.user): .n})~"},
      {R"~([3,[1],"a",{"b":1},null,true,false,{"a":2},"B",1.5])~",
       R"~(sort, unique, (map(type)|sort))~"},
      {R"~(null)~", R"~(.a = 1, (.b |= 2), [1,2,3][1:], {"a":1}.a, "abc"[1:2])~"},
      {R"~("x")~",
       R"~(try fromjson catch "bad", ("[1,{\"a\":2}]"|fromjson), ("102"|tonumber), (try ("abc"|tonumber) catch "nan"))~"},
      {R"~([1,2,3,4])~",
       R"~(.[2:4] , (.[1:] | length), map(select(. % 2 == 0)), (map(. * .) | add), [.[] as $x | if $x > 2 then $x else empty end])~"},
      {R"~(null)~",
       R"~(reduce empty as $x (3; . + 1), (reduce (1,2) as $x (0; empty)), [foreach (1,2,3) as $x (0; empty; .)], [range(3)] == [0,1,2])~"},
      {R"~(null)~", R"~([splits("a")]?, ([1,2] | combinations)?, (1, (2, 3)) , [.., 1])~"},
      {R"~({"a":{"b":[10,20]}})~",
       R"~(.a.b[0] + .a["b"][1], (.a | .b | length), .a.b as [$x, $y] | $x)~"},
      {R"~({"a":"x"})~", R"~(.a as $x | {b: $x} , (.a | . as $y | $y + $y), ([.a, .a] | unique))~"},
      {R"~({"value":"1234567890","limit":1000})~",
       R"~((.value|tonumber) >= .limit, (.value|tonumber) % 10 == 0)~"},
      {R"~({"a":[{"n":"x","v":1},{"n":"y","v":2}]})~", R"~(.a | map({(.n): .v}) | add)~"},
      {R"~({"items":[{"price":2,"qty":3},{"price":5,"qty":1}]})~",
       R"~([.items[] | .price * .qty] | add)~"},
      {R"~(null)~",
       R"~([.[1:3]?], [range(3) | if . == 1 then empty else . end], "\u00e9\ud83d\ude00\n\t\"", ("\u00e9\ud83d\ude00"|length))~"},
      {R"~({"a":null,"b":false,"c":0})~",
       R"~(.a // "x", .b // "y", .c // "z", (.a,.c) // 1, (.q?.r // 3))~"},
      {R"~([[1,[2]],[3]])~", R"~([.[] | .[0]], flatten, [.. | scalars], (map(length) | max))~"},
      {R"~({"if":1,"and":2})~", R"~(.if + .and, {if: 3}.if, {and: 1, or: 2, as: 3, then: 4})~"},
      {R"~(null)~", R"~(1 + 2 * 3 - 4 / 2 % 3, -(1 + 2), [1, 2 | . * 2], (1, 2 | . + 1))~"},
      {R"~(null)~", R"~([1,2] as $x | [$x[]|.+1], ($x|length))~"},
      {R"~(null)~",
       R"~(try (try error("a") catch error("b")) catch ., [.[]?], (try ([1]|.[0].x) catch "e"))~"},
      {R"~([1,2,3])~", R"~(.[1:] as $t | $t | length, (. | first), [limit(5; .[])])~"},
      {R"~("a-b_c d")~", R"~(split("-"), split("_") , (split(" ") | join("+")), (. / "-"))~"},
      {R"~(null)~", R"~("a" + "b" | length, "x\("y\("z")")")~"},
      {R"~({"a":{"b":1},"c":[1]})~", R"~(. * {a:{d:2}} | .a, keys)~"},
      {R"~([5,3,8])~",
       R"~(sort_by(-.), (map(-.)|max), min_by(. % 5), max_by(. % 4), group_by(. > 4))~"},
      {R"~(["b","a"])~", R"~(to_entries, (. as [$x] | $x)?, index("a"), inside(["a","b","c"]))~"},
  };
  return samples;
}

class JqTest : public ::testing::TestWithParam<Sample> {
 protected:
  JqTest() { std::filesystem::create_directories(folder_); }
  ~JqTest() override { std::filesystem::remove_all(folder_); }

  std::string Jq(const std::string& program) {
    std::ofstream(folder_ + "/program") << program;
    std::ofstream(folder_ + "/input") << GetParam().input;
    const std::string command = "jq -c -f " + folder_ + "/program " + folder_ + "/input 2>&1";
    std::string output;
    FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return "jq does not start";
    std::array<char, 4096> buffer{};
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), count);
    }
    ::pclose(pipe);
    while (output.ends_with('\n')) output.pop_back();
    return output;
  }
  const std::string folder_ =
      ::testing::TempDir() + "mesg_expression_" + std::to_string(::getpid());
};

TEST_P(JqTest, GivesTheSame) {
  const std::string list = std::string("[") + GetParam().expression + "]";
  const std::string expected = Jq(list);
  const auto expression = Parse(list);
  ASSERT_TRUE(expression) << expression.error().message;
  EXPECT_EQ(Jq(expression->ToJq()), expected) << expression->ToJq();
  const std::string ours = Evaluate(list, GetParam().input);
  if (ours != "helper") {
    EXPECT_EQ(ours, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, JqTest, ::testing::ValuesIn(Samples()));

// jq 1.6 would round all of these to doubles.
TEST(ExpressionTest, NumbersAreExact) {
  EXPECT_EQ(Evaluate(".", "12345678901234567890"), "12345678901234567890");
  EXPECT_EQ(Evaluate(". + 1", "9007199254740993"), "9007199254740994");
  EXPECT_EQ(Evaluate("tonumber * 2", R"("100000000000000000000000001")"),
            "200000000000000000000000002");
  EXPECT_EQ(Evaluate("0.1 + 0.2 == 0.3"), "true");
  EXPECT_EQ(Evaluate("1 / 3"), "0.3333333333333333333333333333333333");
  EXPECT_EQ(Evaluate(". == 9007199254740992", "9007199254740993"), "false");
}

TEST(ExpressionTest, SeesTheVariablesOfItsScope) {
  EXPECT_EQ(Evaluate("$event + \"!\""), R"("the event!")");
  EXPECT_EQ(Evaluate(". > $inputs.limit", "6"), "true");
  EXPECT_THAT(Parse("$steps.a + $event")->Used(), ElementsAre(0, 2));
  EXPECT_THAT(Parse(". as $event | $event")->Used(), ElementsAre());
}

// Where two levels of jq would differ, later versions are followed.
TEST(ExpressionTest, TakesWhatLaterVersionsOfJqTake) {
  EXPECT_EQ(Evaluate("if . then 1 end", "false"), "false");
  EXPECT_EQ(Evaluate("{a: 1 + 2, b: .x // 3}", "{}"), R"({"a":3,"b":3})");
  EXPECT_EQ(Evaluate(".a?//\"none\"", "[]"), R"("none")");
  EXPECT_EQ(Evaluate("try error(\"inside\") catch \"caught\""), R"("caught")");
  EXPECT_EQ(Evaluate("[.[] | try if . > 1 then error(\"x\") else . end catch .]", "[1,2]"),
            R"([1,"x"])");
  EXPECT_EQ(Evaluate("try error(null) catch \"caught\""), R"("caught")");
  EXPECT_EQ(Evaluate("[limit(0; 1, 2)]"), "[]");
  EXPECT_EQ(Evaluate("try ((1 | try .) | error(\"outside\")) catch .", "0"), R"("outside")");
}

TEST(ExpressionTest, WhatItCannotDoIsAnErrorThatSaysWhy) {
  const std::vector<std::pair<const char*, const char*>> errors = {
      {".a.b", "error: the number 1 has no field \"b\""},
      {".a[0]", "error: the number 1 cannot be indexed by the number 0"},
      {".a + \"x\"", "error: cannot add the number 1 and the text \"x\""},
      {".a[]", "error: expected a list or an object, got the number 1"},
      {"1 / 0", "error: 1 is divided by 0"},
      {"\"ten\" | tonumber", "error: the text \"ten\" is no number"},
      {"error(\"no stock\")", "error: no stock"},
      {"error({code: 5})", "error: {\"code\":5}"},
      {"empty", "error: it gives no value"},
      {"1, 2", "error: it gives more than one value, put brackets around it for a list"},
      {"true | length", "error: true has no length"},
      {"{(1): 2}", "error: a key of an object is a text, got the number 1"},
      {"[1114112] | implode", "error: implode: the number 1114112 is no code point"},
      {"[1] | join(1, 2)",
       "error: it gives more than one value, put brackets around it for a list"},
      {"[{}] | join(\",\")", "error: join: an object is no text"},
  };
  for (const auto& [source, message] : errors) {
    EXPECT_EQ(Evaluate(source, R"({"a":1})"), message) << source;
  }
}

std::string Mistakes(std::string_view source) {
  const auto expression = Parse(source);
  if (expression) return "none";
  std::string text;
  for (const Violation& violation : expression.error().violations) {
    if (!text.empty()) text += "; ";
    text += std::to_string(violation.line) + ":" + std::to_string(violation.column) + " " +
            violation.reason;
  }
  return text;
}

TEST(ExpressionTest, MistakesAreFoundBeforeAnythingRuns) {
  const std::vector<std::pair<const char*, const char*>> mistakes = {
      {"", "1:1 expected an expression, got the end"},
      {". +", "1:4 expected an expression, got the end"},
      {".a b", "1:4 expected an operator or the end, got \"b\""},
      {"(1", "1:3 expected \")\", got the end"},
      {"[1", "1:3 expected \"]\", got the end"},
      {"{a: }", "1:5 expected an expression, got \"}\""},
      {"{a 1}", "1:4 expected \",\" or \"}\", got \"1\""},
      {"if . then 1", "1:12 expected \"end\", got the end"},
      {"$evnt.a", "1:1 unknown variable $evnt, did you mean $event?"},
      {"$ENV.HOME", "1:1 $ENV is refused: an expression sees only what it is given"},
      {"lenght", "1:1 unknown function lenght, did you mean length?"},
      {"frobnicate(1)", "1:1 unknown function frobnicate"},
      {"map", "1:1 map takes 1 argument, got 0"},
      {"range(1;2;3;4)", "1:1 range takes 1 or 2 or 3 arguments, got 4"},
      {"_range(1;2;3)", "1:1 unknown function _range, did you mean range?"},
      {"1 == 2 == 3", "1:8 \"==\" behind \"==\" needs parentheses"},
      {"\"abc", "1:1 the text that begins here has no end"},
      {"\"\\q\"",
       "1:2 no escape of a text: expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX or \\("},
      {"\"\\ud800\"", "1:2 half of a character: \\uD800 to \\uDBFF need \\uDC00 to \\uDFFF behind"},
      {"\"\\(1\"", "1:5 the text that begins here has no end"},
      {"@base65 \"x\"",
       "1:1 unknown format @base65: expected @text, @json, @base64, @base64d, @uri, @html, @csv, "
       "@tsv or @sh"},
      {"break $x", "1:7 there is no label $x around this"},
      {". ^ 2", "1:3 \"^\" has no meaning here"},
      {"1e", "1:2 digits are missing behind the exponent's e"},
      {"$a +\n  nope", "1:1 unknown variable $a; 2:3 unknown function nope, did you mean not?"},
      {". as 1 | 2", "1:6 expected a variable, \"[\" or \"{\" behind \"as\", got \"1\""},
  };
  for (const auto& [source, message] : mistakes) EXPECT_EQ(Mistakes(source), message) << source;
}

TEST(ExpressionTest, WhatCouldHarmOrDifferIsRefused) {
  EXPECT_THAT(Mistakes("def f: 1; f"), HasSubstr("functions cannot be defined"));
  EXPECT_THAT(Mistakes("import \"a\" as a; 1"), HasSubstr("modules cannot be used"));
  EXPECT_THAT(Mistakes("include \"a\"; 1"), HasSubstr("modules cannot be used"));
  for (const char* source :
       {"input", "inputs", "env", "now", "debug", "input_filename", "halt", "halt_error", "stderr",
        "repeat(.)", "until(.; .)", "while(.; .)", "recurse(.)", "recurse(.; .)", "localtime",
        "strflocaltime(\"\")", "builtins", "modulemeta", "get_search_list"}) {
    EXPECT_THAT(Mistakes(source), HasSubstr("is refused")) << source;
    EXPECT_THAT(Mistakes(std::string("[1 | ") + source + "]"), HasSubstr("is refused")) << source;
  }
  EXPECT_THAT(Mistakes("range(infinite)"), HasSubstr("never end"));
  EXPECT_THAT(Mistakes("[range(0; 1 + infinite)]"), HasSubstr("never end"));
}

// What goes through a value does so recursively, and the stack ends somewhere.
TEST(ExpressionTest, NoValueIsNestedDeeperThanWhatCoreTakesAsJson) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  const std::string too_deep = "error: the value is nested deeper than 128 levels";
  EXPECT_EQ(Evaluate("reduce range(127) as $i ([]; [.])"), nested(128));
  EXPECT_EQ(Evaluate("reduce range(128) as $i ([]; [.])"), too_deep);
  EXPECT_EQ(Evaluate("reduce range(33000) as $i (0; [.]) | tojson | length"), too_deep);
  EXPECT_EQ(Evaluate("reduce range(33000) as $i (0; {a: .}) | length"), too_deep);
  EXPECT_EQ(Evaluate("[.]", nested(127)), nested(128));
  EXPECT_EQ(Evaluate("[.]", nested(128)), too_deep);
  EXPECT_EQ(Evaluate("{a: .}", nested(128)), too_deep);
  EXPECT_EQ(Evaluate("to_entries", "{\"a\":" + nested(127) + "}"), too_deep);
  EXPECT_EQ(Evaluate("group_by(1)", nested(128)), too_deep);
  EXPECT_EQ(Evaluate("try [.] catch \"caught\"", nested(128)), "\"caught\"");
  // What another member of the key replaces does not count.
  EXPECT_EQ(Evaluate("[{a: .} + {a: 1}]", nested(127)), R"([{"a":1}])");
}

// Nothing a file can hold and nothing that comes as data takes more than its share.
TEST(ExpressionTest, NoExpressionTakesMoreThanItsShare) {
  const char* const kTooMuch = "error: the expression takes more steps than it may";
  EXPECT_EQ(Evaluate("[range(1e18)]"), kTooMuch);
  EXPECT_EQ(Evaluate("\"x\" * 1e15"), kTooMuch);
  EXPECT_EQ(Evaluate("reduce range(60) as $i (\"ab\"; . + .)"), kTooMuch);
  EXPECT_EQ(Evaluate("reduce range(60) as $i ([1]; . + .) | length"), kTooMuch);
  EXPECT_EQ(Evaluate("reduce range(60) as $i (1; [., .]) | tojson"), kTooMuch);
  EXPECT_EQ(Evaluate("[range(400)] | [.[] as $x | .[] as $y | .[] | . + $x + $y] | length"),
            kTooMuch);
  EXPECT_EQ(Evaluate("try [range(1e18)] catch 1"), kTooMuch);
  EXPECT_EQ(Evaluate("[range(1e18)]? // 1"), kTooMuch);
  EXPECT_EQ(Evaluate("1 + 1", "null", 2), kTooMuch);
  const std::string many = "[" + std::string(20'000, ' ') + "1" + [] {
    std::string more;
    for (int i = 0; i < 20'000; ++i) more += ",1";
    return more;
  }() + "]";
  EXPECT_EQ(Evaluate("contains(map(. + 1))", many), kTooMuch);
  EXPECT_EQ(Evaluate("reduce range(20) as $i (2; . * .)"),
            "error: a number of more than 1000 digits is not calculated with");
}

TEST(ExpressionTest, DeepOrLongSourcesAreRefused) {
  const auto repeated = [](std::string_view part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text;
  };
  EXPECT_THAT(Mistakes(repeated("[", 5000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes(repeated("(", 5000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes(repeated("-", 5000) + "1"), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes(repeated("try ", 5000) + "1"), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes(repeated("if ", 5000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes("1" + repeated("|1", 5000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes("1" + repeated("//1", 5000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Mistakes("." + repeated("[0]", 5000)), HasSubstr("more than 2000 parts"));
  EXPECT_THAT(Mistakes("1" + repeated("+1", 5000)), HasSubstr("more than 2000 parts"));
  EXPECT_THAT(Mistakes(repeated("\"\\(", 5000)), HasSubstr("texts are nested deeper than 16"));
  EXPECT_EQ(Parse(std::string(Expression::kMaxBytes + 1, ' ')).error().message,
            "an expression has at most 65536 bytes, this one has 65537");
  EXPECT_EQ(Parse("\xff").error().message, "an expression is UTF-8 text");
  // The deepest that is taken can be evaluated.
  EXPECT_EQ(Evaluate(repeated("[", 90) + "1" + repeated("]", 90) + " | flatten"), "[1]");
  EXPECT_THAT(Evaluate("1" + repeated("+1", 400)), HasSubstr("401"));
}

TEST(ExpressionTest, KnowsWhatNeedsTheHelper) {
  for (const char* source : {"test(\"a\")", "todate", ".a = 1", ".a |= 2", "del(.a)", "[paths]",
                             ". as [$x] | $x", "infinite", "@csv", "pow(2; 3)", "walk(.)"}) {
    EXPECT_EQ(Evaluate(source), "helper") << source;
  }
}

TEST(ExpressionTest, TellsWhatItsInputHasToBeEqualTo) {
  const std::vector<Value> scope(kScope.size(), *Value::Read(R"({"id":7})"));
  const auto correlated = [&](std::string_view source) -> std::string {
    const auto correlation = Parse(source)->Correlated();
    if (!correlation) return "none";
    const auto value = correlation->value.Evaluate(Value(), scope);
    return fmt::format("{} is {}", fmt::join(correlation->path, "."),
                       value ? value->Json() : value.error().message);
  };
  EXPECT_EQ(correlated(".order == $event.id"), "order is 7");
  EXPECT_EQ(correlated("$event.id == .order.id"), "order.id is 7");
  EXPECT_EQ(correlated(".kind == \"paid\" and .id == $event.id"), "kind is \"paid\"");
  EXPECT_EQ(correlated(".total > 5 and (.paid and .id == $inputs.id)"), "id is 7");
  EXPECT_EQ(correlated(".id == $event.id.x"), "id is the number 7 has no field \"x\"");
  for (const char* source :
       {".id == $event.id or .all", ".id != $event.id", ".id == .other", ". == $event", "true",
        ".items[0] == $event.id", ".id == ($event.id | tostring)", "(.id == $event.id) | not",
        "$event.id == 7", "if .a then .id == $event.id else true end"}) {
    EXPECT_EQ(correlated(source), "none") << source;
  }
}

TEST(ExpressionTest, ValuesThatAreEqualHaveOneDigest) {
  const std::vector<std::string> path = {"a"};
  const auto digest = [&](std::string_view json) {
    return Correlation::Digest(path, *Value::Read(json));
  };
  EXPECT_EQ(digest("1"), digest("1.0"));
  EXPECT_EQ(digest("100"), digest("1e2"));
  EXPECT_EQ(digest("0.5"), digest("5e-1"));
  EXPECT_EQ(digest(R"({"a":1,"b":2})"), digest(R"({"b":2,"a":1})"));
  const std::vector<std::string> different = {"null", "false", "true", "0",     "1",  "\"1\"",
                                              "\"\"", "[]",    "{}",   "\"a\"", "0.5"};
  std::set<std::uint64_t> digests;
  for (const std::string& json : different) digests.insert(digest(json));
  EXPECT_EQ(digests.size(), different.size());
  EXPECT_NE(Correlation::Digest(std::vector<std::string>{"b"}, Value()), digest("null"));
}

TEST(ExpressionTest, FindsWhatStandsAtAPath) {
  const Value input = *Value::Read(R"({"a":{"b":1},"c":"text"})");
  const auto at = [&](std::vector<std::string> path) -> std::string {
    const auto value = Correlation::At(path, input);
    return value ? value->Json() : "none";
  };
  EXPECT_EQ(at({"a", "b"}), "1");
  EXPECT_EQ(at({"a", "x"}), "null");
  EXPECT_EQ(at({"x", "y"}), "null");
  EXPECT_EQ(at({"c", "y"}), "none");
}

TEST(ExpressionTest, TellsWhatItReads) {
  const auto paths = [](std::string_view source) {
    std::string text;
    for (const PathUse& use : Parse(source)->Paths()) {
      if (!text.empty()) text += ' ';
      if (use.variable != PathUse::kInput) text += "$" + std::string(kScope.at(use.variable));
      for (const std::string& key : use.keys) text += "." + key;
      if (!use.whole) text += "[]";
    }
    return text;
  };
  EXPECT_EQ(paths(".a.b"), ".a.b");
  EXPECT_EQ(paths("$steps.x.y + .z"), "$steps.x.y .z");
  EXPECT_EQ(paths(".a[0].b, .a[$inputs.n]"), ".a[] .a[] $inputs.n");
  EXPECT_EQ(paths(".a | .b | $event.c"), ".a $event.c");
  EXPECT_EQ(paths(". | .b"), ".b");
  EXPECT_EQ(paths(".items | map(.price + $inputs.fee) | add"), ".items $inputs.fee");
  EXPECT_EQ(paths("if .a? then {b: .c} else \"x\\(.d)\" end"), ".a .c .d");
  EXPECT_EQ(paths("$event as $x | $x.a, .b"), "$event .b");
  EXPECT_EQ(paths("has(\"a\") and contains(.b)"), ".b");
  EXPECT_EQ(paths("reduce .a[] as $x (.b; . + $x)"), ".a .b");
  EXPECT_EQ(paths("try .a catch .message"), ".a");
}

TEST(TemplateTest, AnExpressionAloneKeepsItsType) {
  const auto fill = [](std::string_view text) -> std::string {
    const auto parsed = Template::Parse(text, kScope);
    if (!parsed) return "error: " + parsed.error().violations.at(0).reason;
    std::vector<Value> values;
    for (const Expression& expression : parsed->Expressions()) {
      values.push_back(*expression.Evaluate(*Value::Read(R"({"n":12,"t":"x"})"), {}));
    }
    return parsed->Fill(values).Json();
  };
  EXPECT_EQ(fill("${ .n }"), "12");
  EXPECT_EQ(fill("${ . }"), R"({"n":12,"t":"x"})");
  EXPECT_EQ(fill(" ${ .n }"), R"(" 12")");
  EXPECT_EQ(fill("Got ${ .n } from ${.t}!"), R"("Got 12 from x!")");
  EXPECT_EQ(fill("${ {a: {b: \"}\"}} }"), R"({"a":{"b":"}"}})");
  EXPECT_EQ(fill("${ [.n, null] } and ${ .none }"), R"("[12,null] and null")");
  EXPECT_EQ(fill("$${ .n } costs $5 and $"), R"("${ .n } costs $5 and $")");
  EXPECT_EQ(fill(""), R"("")");
  EXPECT_EQ(fill("${ .n"), R"(error: the "${" that begins here has no "}")");
  EXPECT_EQ(fill("${ }"), "error: expected an expression, got the end");
  EXPECT_EQ(fill("a ${ nope } b"), "error: unknown function nope, did you mean not?");
}

TEST(TemplateTest, MistakesAreWhereTheyStandInTheText) {
  const auto parsed = Template::Parse("first\n${ .a } and ${ $nope }", kScope);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().violations.at(0).line, 2);
  EXPECT_EQ(parsed.error().violations.at(0).column, 16);
}

}  // namespace
}  // namespace mesg::app
