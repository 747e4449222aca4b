#include "base/encoding.h"

#include <gtest/gtest.h>

namespace mesg {
namespace {

using namespace std::string_literals;

// Vectors of draft-msporny-base58-03, section 5.
TEST(EncodingTest, Base58FollowsTheDraftsVectors) {
  EXPECT_EQ(ToBase58("Hello World!"), "2NEpo7TZRRrLZSi2U");
  EXPECT_EQ(ToBase58("The quick brown fox jumps over the lazy dog."),
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
  EXPECT_EQ(ToBase58("\0\0\x28\x7f\xb4\xcd"s), "11233QC4");
  EXPECT_EQ(*FromBase58("11233QC4"), "\0\0\x28\x7f\xb4\xcd"s);
  EXPECT_EQ(ToBase58(""), "");
  EXPECT_EQ(ToBase58("\0"s), "1");
}

TEST(EncodingTest, Base58SurvivesRandomValues) {
  for (std::size_t size = 0; size < 64; ++size) {
    const std::string bytes = RandomBytes(size);
    EXPECT_EQ(*FromBase58(ToBase58(bytes)), bytes);
  }
  EXPECT_FALSE(FromBase58("0OIl"));
  EXPECT_FALSE(FromBase58(std::string(1000, '2')));
}

TEST(EncodingTest, Base64UrlSurvivesRandomValuesAndRefusesRubbish) {
  for (std::size_t size = 0; size < 64; ++size) {
    const std::string bytes = RandomBytes(size);
    EXPECT_EQ(*FromBase64Url(ToBase64Url(bytes)), bytes);
  }
  EXPECT_EQ(ToBase64Url("\xff\xfe"), "__4");
  for (const auto* text : {"+/", "a", "ab==", "a b", "ab\n"})
    EXPECT_FALSE(FromBase64Url(text)) << text;
}

// FIPS 180-2, appendix B.1.
TEST(EncodingTest, Sha256FollowsTheStandardsVector) {
  EXPECT_EQ(ToHex(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EncodingTest, ATagDependsOnKeyAndText) {
  const std::string key(32, 'k');
  EXPECT_EQ(KeyedTag(key, "a"), KeyedTag(key, "a"));
  EXPECT_NE(KeyedTag(key, "a"), KeyedTag(key, "b"));
  EXPECT_NE(KeyedTag(key, "a"), KeyedTag(std::string(32, 'l'), "a"));
  EXPECT_TRUE(EqualSecrets("same", "same"));
  EXPECT_FALSE(EqualSecrets("same", "sane"));
  EXPECT_FALSE(EqualSecrets("same", "samE!"));
}

TEST(EncodingTest, NearestFindsTheMisspeltKeyAndNothingFarAway) {
  EXPECT_EQ(Nearest("descripton", {"name", "description", "data"}), "description");
  EXPECT_EQ(Nearest("nmae", {"name", "description"}), "name");
  EXPECT_EQ(Nearest("zebra", {"name", "description"}), "");
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("same", "same"), 0U);
  EXPECT_EQ(EditDistance("valeu", "value"), 1U);  // Two that changed places.
  EXPECT_EQ(EditDistance("ab", "ba"), 1U);
  EXPECT_EQ(EditDistance("abc", "ca"), 3U);
}

TEST(EncodingTest, QuotedTextIsJson) {
  EXPECT_EQ(QuoteJson("a\"b\\c\n\x01 é"), "\"a\\\"b\\\\c\\n\\u0001 é\"");
  EXPECT_EQ(QuoteJson("bad\xff!"), "\"bad\xEF\xBF\xBD!\"");
  EXPECT_EQ(QuoteJson("cut\xe2\x82"), "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

// Each length's first and last, and what is no character.
TEST(EncodingTest, CodePointsBecomeUtf8) {
  const auto utf8 = [](std::uint32_t code_point) {
    std::string text = "<";
    AppendUtf8(code_point, text);
    return text.substr(1);
  };
  EXPECT_EQ(utf8(0), "\0"s);
  EXPECT_EQ(utf8(0x7F), "\x7F");
  EXPECT_EQ(utf8(0x80), "\xC2\x80");
  EXPECT_EQ(utf8(0x7FF), "\xDF\xBF");
  EXPECT_EQ(utf8(0x800), "\xE0\xA0\x80");
  EXPECT_EQ(utf8(0xFFFF), "\xEF\xBF\xBF");
  EXPECT_EQ(utf8(0x10000), "\xF0\x90\x80\x80");
  EXPECT_EQ(utf8(0x10FFFF), "\xF4\x8F\xBF\xBF");
  for (const std::uint32_t none : {0xD800U, 0xDFFFU, 0x110000U, 0xFFFFFFFFU}) {
    EXPECT_EQ(utf8(none), "\xEF\xBF\xBD") << none;
  }
  for (std::uint32_t code = 0; code <= 0x10FFFF; code += 13) EXPECT_TRUE(IsUtf8(utf8(code)));
}

TEST(EncodingTest, ShortenedKeepsWholeCharactersAndSaysHowLongItWas) {
  EXPECT_EQ(Shortened("short", 5), "short");
  const std::string mark = " ... (cut, it had 100 bytes)";
  EXPECT_EQ(Shortened(std::string(100, 'a'), 40), std::string(12, 'a') + mark);
  std::string text;
  for (int i = 0; i < 25; ++i) text += "\xF0\x9F\x8C\x8D";  // Four bytes each.
  for (std::size_t limit = 28; limit < 100; ++limit) {
    const std::string shortened = Shortened(text, limit);
    EXPECT_EQ(shortened, text.substr(0, (limit - mark.size()) / 4 * 4) + mark);
  }
  EXPECT_EQ(Shortened(std::string(100, 'a'), 3), mark);
}

}  // namespace
}  // namespace mesg
