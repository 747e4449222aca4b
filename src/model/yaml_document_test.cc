#include "model/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/definition_reader.h"

namespace mesg {
namespace {

using ::testing::HasSubstr;

/// The document as JSON, or "LINE:COLUMN reason" of each error.
std::string Read(std::string_view yaml) {
  const auto document = YamlDocument::Read(yaml);
  const auto& violations = document ? document->violations : document.error().violations;
  if (violations.empty()) return YamlToJson(*document->root);
  std::string lines;
  for (const Violation& v : violations) {
    lines += fmt::format("{}:{} {}{}{}\n", v.line, v.column, v.path, v.path.empty() ? "" : ": ",
                         v.reason);
  }
  return lines;
}

TEST(YamlDocumentTest, ReadsScalarsAsYamlMeansThem) {
  EXPECT_EQ(
      Read("{a: 1, b: '1', c: true, d: ~, e: , f: .5, g: +1, h: 1., i: text, j: 0x1f, k: -.5e3}"),
      R"({"a":1,"b":"1","c":true,"d":null,"e":null,"f":0.5,"g":1,"h":1.0,"i":"text","j":"0x1f","k":-0.5e3})");
  EXPECT_EQ(Read(""), "null");
  EXPECT_EQ(Read("---\na: [1, [], {}]\n...\n"), R"({"a":[1,[],{}]})");
}

TEST(YamlDocumentTest, MergeKeysBringWhatIsNotThere) {
  EXPECT_EQ(Read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n"),
            R"({"a":{"x":1,"y":2},"b":{"x":1,"y":3,"z":4}})");
  EXPECT_EQ(Read("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc:\n  <<: [*a, *b]\n  z: 3\n"),
            R"({"a":{"x":1},"b":{"x":2,"y":2},"c":{"x":1,"y":2,"z":3}})");
  EXPECT_EQ(Read("a: {\"<<\": 1}"), R"({"a":{"<<":1}})");
  EXPECT_EQ(Read("a: {<<: 1}"),
            "1:5 << merges a mapping or a list of mappings, got something else\n");
}

TEST(YamlDocumentTest, EveryKeyThatIsThereTwiceIsNamed) {
  EXPECT_EQ(Read("a: 1\nb:\n  - x\n  - c: 1\n    d: 2\n    c: 3\na: 4\n"),
            "6:5 b[1].c: the key is there twice, first in line 4\n"
            "7:1 a: the key is there twice, first in line 1\n");
}

TEST(YamlDocumentTest, MalformedYamlIsShownWithItsPlace) {
  EXPECT_EQ(Read("a: [1\nb: 2"),
            "2:2 malformed YAML: a [ before this is not closed: a comma or a ] is missing\n");
  EXPECT_EQ(Read("tasks:\n  a: 1\n b: 2\n"),
            "3:2 malformed YAML: expected a key that begins in the column of the keys before it\n");
  EXPECT_EQ(Read("a: *nowhere"),
            "1:4 malformed YAML: no anchor (&) of this name stands before this; a text that begins "
            "with * needs quotes\n");
  EXPECT_EQ(Read("a: @x"), "1:4 malformed YAML: a text that begins like this needs quotes\n");
  EXPECT_THAT(Read("a: &x [*x]"), HasSubstr("1:8 "));
  EXPECT_EQ(Read("a: 1\n---\nb: 2\n"), "2:1 a second document begins here, one is expected\n");
  EXPECT_THAT(Read("? [a]\n: 1"), HasSubstr("expected a key, got a list or a mapping"));
  EXPECT_EQ(Read("a: \x01"), "1:4 a control character has no place in YAML\n");
  EXPECT_EQ(Read("a: \xff"), "0:0 the file is not UTF-8\n");
}

TEST(YamlDocumentTest, SizeNestingAndAliasesAreBounded) {
  EXPECT_THAT(Read(std::string((1 << 20) + 1, '#')), HasSubstr("at most 1048576 are allowed"));
  EXPECT_THAT(Read(std::string(65, '[') + std::string(65, ']')),
              HasSubstr("nested deeper than 64"));
  EXPECT_THAT(Read(std::string(100'000, '[')), HasSubstr("1:1 "));
  EXPECT_THAT(Read(std::string(100'000, '{')), HasSubstr("1:"));

  std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs +=
        fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(Read(laughs), HasSubstr("expand to more than 100000 values"));

  std::string merges = "a: &a {b: &b " + std::string(100'000, 'x') + "}\nl:\n";
  for (int i = 0; i < 1000; ++i) merges += "  - <<: *a\n";
  EXPECT_THAT(Read(merges), HasSubstr("expand to more than 100000 values")) << "text counts too";
}

}  // namespace
}  // namespace mesg
