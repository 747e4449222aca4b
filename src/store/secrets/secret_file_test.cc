#include "store/secrets/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include "base/encoding.h"

namespace mesg::store {
namespace {

using testing::HasSubstr;
using testing::Not;

SecretFileHeader Header() {
  return {SecretFileHeader::KeyKind::kPassphrase, {2, 16'384}, std::string(kSaltBytes, 's')};
}
LockedBytes Key(char fill = 'k') { return LockedBytes(std::string(kSecretKeyBytes, fill)); }

SecretTable::Entries Two() {
  return {{"api_key", {FromMicros(1), FromMicros(2), "hunter2hunter2"}},
          {"smtp", {FromMicros(3), FromMicros(4), "pass\nword"}}};
}
std::string Sealed() { return SealSecrets(Header(), Key(), SecretTable::Of(Two()).value()); }

std::string Shown(const SecretTable& table) {
  std::string text;
  for (const auto& [name, entry] : table.entries()) {
    text += fmt::format("{} {} {} {};", name, ToMicros(entry.created), ToMicros(entry.updated),
                        entry.value);
  }
  return text;
}

/// `file` with a checksum that is right again.
std::string Resummed(std::string file) {
  const std::size_t end = file.size() - 32;
  crypto_generichash(reinterpret_cast<unsigned char*>(file.data()) + end, 32,
                     reinterpret_cast<const unsigned char*>(file.data()), end, nullptr, 0);
  return file;
}

TEST(SecretFile, WhatIsSealedIsReadBack) {
  const std::string file = Sealed();
  EXPECT_EQ(ReadSecretHeader(file).value(), Header());
  EXPECT_EQ(Shown(UnsealSecrets(file, Key()).value()),
            "api_key 1 2 hunter2hunter2;smtp 3 4 pass\nword;");
}

TEST(SecretFile, NoSecretsAreAFileToo) {
  const std::string file = SealSecrets(Header(), Key(), SecretTable());
  EXPECT_EQ(Shown(UnsealSecrets(file, Key()).value()), "");
}

TEST(SecretFile, NeitherNamesNorValuesCanBeSeenAndNoTwoFilesAreEqual) {
  const std::string file = Sealed();
  for (const char* hidden : {"api_key", "smtp", "hunter2", "pass"}) {
    EXPECT_THAT(file, Not(HasSubstr(hidden)));
  }
  EXPECT_NE(file, Sealed());
}

TEST(SecretFile, AnotherKeyOpensNothing) {
  EXPECT_EQ(UnsealSecrets(Sealed(), Key('x')).error().code, Code::kPermissionDenied);
}

// The checksum tells damage from a wrong key; the tag finds what somebody changed on purpose.
TEST(SecretFile, EveryChangedByteIsDamageAndWithItsChecksumMendedStillRefused) {
  const std::string good = Sealed();
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string file = good;
    file[at] = static_cast<char>(file[at] ^ 1);
    EXPECT_FALSE(ReadSecretHeader(file)) << at;
    if (at >= good.size() - 32) continue;
    const std::string mended = Resummed(file);
    if (!ReadSecretHeader(mended)) continue;
    const auto table = UnsealSecrets(mended, Key());
    ASSERT_FALSE(table) << at;
    EXPECT_EQ(table.error().code, Code::kPermissionDenied) << at;
  }
}

TEST(SecretFile, EveryShorterFileIsDamaged) {
  const std::string good = Sealed();
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto header = ReadSecretHeader(good.substr(0, size));
    ASSERT_FALSE(header) << size;
    EXPECT_EQ(header.error().code, Code::kDataLoss) << size;
  }
  EXPECT_EQ(ReadSecretHeader(good + "x").error().code, Code::kDataLoss);
}

TEST(SecretFile, ANewerVersionIsLeftAlone) {
  std::string file = Sealed();
  file[12] = 2;
  EXPECT_EQ(ReadSecretHeader(file).error().code, Code::kFailedPrecondition);
  EXPECT_THAT(ReadSecretHeader(file).error().message, HasSubstr("newer version of Core (format 2"));
}

TEST(SecretFile, AHeaderThatAsksTooMuchOfTheMachineIsRefused) {
  const auto with = [](std::size_t at, char value) {
    std::string file = Sealed();
    file[at] = value;
    return Resummed(file);
  };
  EXPECT_THAT(ReadSecretHeader(with(12, 0)).error().message, HasSubstr("makes no sense"));
  EXPECT_THAT(ReadSecretHeader(with(13, 3)).error().message, HasSubstr("makes no sense"));
  EXPECT_THAT(ReadSecretHeader(with(13, 1)).error().message, HasSubstr("makes no sense"));
  EXPECT_THAT(ReadSecretHeader(with(14, 1)).error().message, HasSubstr("makes no sense"));
  EXPECT_THAT(ReadSecretHeader(with(22, 1)).error().message, HasSubstr("makes no sense"));
}

TEST(SecretTable, AnythingThatWouldNotHaveBeenWrittenIsDamage) {
  const std::string good(SecretTable::Of(Two()).value().plain().view());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(SecretTable::Parse(LockedBytes(good.substr(0, size)))) << size;
  }
  const auto why = [](const std::string& plain) {
    return SecretTable::Parse(LockedBytes(plain)).error().message;
  };
  EXPECT_THAT(why(good + "x"), HasSubstr("something stands behind its end"));
  std::string twice(SecretTable::Of({{"a", {{}, {}, "v"}}}).value().plain().view());
  twice += twice.substr(4);
  twice[3] = 2;
  EXPECT_THAT(why(twice), HasSubstr("out of order"));
  std::string unnamed = good;
  unnamed[5] = '1';
  EXPECT_THAT(why(unnamed), HasSubstr("out of order"));
  std::string many = good;
  many[0] = 1;
  EXPECT_THAT(why(many), HasSubstr("too many secrets"));
  std::string large(SecretTable::Of({{"a", {{}, {}, "v"}}}).value().plain().view());
  large[4 + 2 + 16] = 1;
  EXPECT_THAT(why(large), HasSubstr("too large"));
}

TEST(SecretTable, HasItsLimits) {
  SecretTable::Entries entries;
  for (std::size_t i = 0; i <= kMaxSecrets; ++i) entries[fmt::format("s{}", i)].value = "v";
  EXPECT_EQ(SecretTable::Of(entries).error().code, Code::kResourceExhausted);
  entries.erase("s0");
  EXPECT_EQ(SecretTable::Of(entries).value().entries().size(), kMaxSecrets);
  const std::string value(kMaxSecretValue, 'v');
  entries.clear();
  for (std::size_t i = 0; i < kMaxSecretBytes / kMaxSecretValue; ++i) {
    entries[fmt::format("s{}", i)].value = value;
  }
  EXPECT_THAT(SecretTable::Of(entries).error().message, HasSubstr("16 MiB"));
}

TEST(SecretName, IsAnIdentifier) {
  for (const char* name : {"a", "_", "SMTP_2", "z9"}) EXPECT_TRUE(IsSecretName(name)) << name;
  for (const char* name : {"", "9a", "a-b", "a.b", "a b", "\xC3\xA9"}) {
    EXPECT_FALSE(IsSecretName(name)) << name;
  }
  EXPECT_TRUE(IsSecretName(std::string(128, 'a')));
  EXPECT_FALSE(IsSecretName(std::string(129, 'a')));
}

}  // namespace
}  // namespace mesg::store
