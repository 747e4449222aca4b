#include "store/secrets/secret_store.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/secrets/secret_key.h"

namespace mesg::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class SecretStoreTest : public testing::Test {
 protected:
  SecretStoreTest() {
    std::string folder = testing::TempDir() + "mesg-secrets-XXXXXX";
    folder_ = mkdtemp(folder.data());
    std::filesystem::create_directory(folder_ / "data");
    options_ = {.file = folder_ / "data" / "secrets",
                .key_file = folder_ / "config" / "secrets.key",
                .passphrase_file = {},
                .cost = {1, 8192}};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SecretStore> Open() const {
    auto store = SecretStore::Open(options_, clock_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  /// What Open is refused with, which changes nothing.
  Error Refusal() const {
    const std::string before = Text(options_.file);
    const auto store = SecretStore::Open(options_, clock_);
    EXPECT_FALSE(store);
    EXPECT_EQ(Text(options_.file), before);
    return store ? Error() : store.error();
  }
  static std::string Text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::filesystem::path& file, const std::string& text, mode_t mode = 0600) const {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    chmod(file.c_str(), mode);
  }
  void UsePassphrase(const std::string& passphrase) {
    options_.passphrase_file = folder_ / "passphrase";
    Write(options_.passphrase_file, passphrase);
  }
  static std::string Value(const SecretStore& store, std::string_view name) {
    return store.Get(name).value().value_or("none");
  }
  static std::string Names(const SecretStore& store) {
    std::string names;
    for (const SecretInfo& each : store.List()) names += each.name + " ";
    return names;
  }

  std::filesystem::path folder_;
  SecretStore::Options options_;
  ManualClock clock_;
};

TEST_F(SecretStoreTest, WhatIsSetIsThereAfterARestart) {
  {
    const auto store = Open();
    EXPECT_TRUE(store->Set("smtp", "first")->created);
    EXPECT_FALSE(store->Set("smtp", "second")->created);
    EXPECT_TRUE(store->Set("api", "third")->created);
    EXPECT_EQ(Value(*store, "smtp"), "second");
  }
  const auto store = Open();
  EXPECT_EQ(Names(*store), "api smtp ");
  EXPECT_EQ(Value(*store, "smtp"), "second");
  EXPECT_EQ(Value(*store, "api"), "third");
  EXPECT_EQ(Value(*store, "other"), "none");
  ASSERT_TRUE(store->Remove("smtp"));
  EXPECT_EQ(Value(*store, "smtp"), "none");
  EXPECT_EQ(Names(*Open()), "api ");
}

TEST_F(SecretStoreTest, TimesAreThoseOfTheFirstAndTheLastValue) {
  const auto store = Open();
  const TimePoint created = clock_.Now();
  store->Set("a", "1").value();
  clock_.Advance(std::chrono::seconds(5));
  const SecretInfo changed = store->Set("a", "2")->secret;
  EXPECT_EQ(changed, (SecretInfo{"a", created, clock_.Now()}));
  EXPECT_EQ(Open()->List(), std::vector<SecretInfo>{changed});
}

TEST_F(SecretStoreTest, NothingIsMadeBeforeTheFirstSecret) {
  Open();
  EXPECT_FALSE(std::filesystem::exists(options_.file));
  EXPECT_FALSE(std::filesystem::exists(options_.key_file));
  Open()->Set("a", "1").value();
  struct stat info {};
  for (const auto& file : {options_.file, options_.key_file}) {
    ASSERT_EQ(stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
  }
  EXPECT_EQ(info.st_size, 32);
}

TEST_F(SecretStoreTest, TheDataDirectoryShowsNeitherNamesNorValues) {
  Open()->Set("the_name", "the value of it").value();
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "data")) {
    EXPECT_THAT(Text(entry.path()), AllOf(Not(HasSubstr("the_name")), Not(HasSubstr("the value"))));
  }
}

TEST_F(SecretStoreTest, NamesAndValuesThatAreNoneAreRefusedWithoutShowingThem) {
  const auto store = Open();
  const std::string secret = "s3cr3t-t0ken";
  EXPECT_EQ(store->Set(secret, "v").error().reason, "SECRET_NAME_INVALID");
  for (const Error& error : {store->Set(secret, "v").error(), store->Remove(secret).error(),
                             store->Get(secret).error(), store->Set("a", secret + "\xff").error(),
                             store->Set("a", secret + std::string(1, '\0')).error(),
                             store->Set("a", secret + std::string(65'536, 'x')).error()}) {
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    EXPECT_THAT(error.message, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(store->Set("a", "").error().message, HasSubstr("cannot be empty"));
  EXPECT_THAT(store->Set("a", std::string(65'537, 'x')).error().message,
              HasSubstr("at most 64 KiB, this one has 65537 bytes"));
  EXPECT_TRUE(store->Set("a", std::string(65'536, 'x')));
}

TEST_F(SecretStoreTest, RemovingWhatIsNotThereNamesTheNearest) {
  const auto store = Open();
  EXPECT_EQ(store->Remove("smtp").error().message,
            "there is no secret smtp: `mesg secret list` shows what there is");
  store->Set("smtp", "v").value();
  const Error error = store->Remove("smpt").error();
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.message, "there is no secret smpt, did you mean smtp?");
}

TEST_F(SecretStoreTest, TheFileIsNoUseWithoutItsKeyOrWithAnotherOne) {
  Open()->Set("a", "1").value();
  const std::string key = Text(options_.key_file);
  Write(options_.key_file, std::string(32, 'x'));
  EXPECT_EQ(Refusal().code, Code::kFailedPrecondition);
  EXPECT_THAT(Refusal().message,
              AllOf(HasSubstr(options_.file.string()),
                    HasSubstr(options_.key_file.string() + " does not open it")));
  std::filesystem::remove(options_.key_file);
  EXPECT_THAT(Refusal().message, HasSubstr("does not exist: restore it"));
  EXPECT_FALSE(std::filesystem::exists(options_.key_file)) << "a new key would hide the loss";
  Write(options_.key_file, key.substr(1));
  EXPECT_EQ(Refusal().code, Code::kDataLoss);
  Write(options_.key_file, key);
  EXPECT_EQ(Value(*Open(), "a"), "1");
}

TEST_F(SecretStoreTest, WhatOthersCanReadIsRefused) {
  Open()->Set("a", "1").value();
  chmod(options_.key_file.c_str(), 0640);
  EXPECT_THAT(Refusal().message, HasSubstr("chmod 600 " + options_.key_file.string()));
  chmod(options_.key_file.c_str(), 0600);
  chmod(options_.file.c_str(), 0604);
  EXPECT_THAT(Refusal().message, HasSubstr("chmod 600 " + options_.file.string()));
  chmod(options_.file.c_str(), 0600);
  // Said at the start, though there is nothing yet that the key would open.
  std::filesystem::remove(options_.file);
  chmod(options_.key_file.c_str(), 0644);
  EXPECT_THAT(Refusal().message, HasSubstr("chmod 600 " + options_.key_file.string()));
}

TEST_F(SecretStoreTest, APassphraseTakesThePlaceOfAKeyFile) {
  UsePassphrase("correct horse\n");
  Open()->Set("a", "1").value();
  EXPECT_FALSE(std::filesystem::exists(options_.key_file));
  Write(options_.passphrase_file, "correct horse");
  options_.cost = {2, 16'384};  // For new files: this one keeps its own.
  EXPECT_EQ(Value(*Open(), "a"), "1");
  Write(options_.passphrase_file, "wrong horse");
  EXPECT_THAT(Refusal().message, HasSubstr("passphrase in " + options_.passphrase_file.string() +
                                           " does not open it"));
}

TEST_F(SecretStoreTest, APassphraseMayComeThroughADescriptor) {
  int ends[2] = {};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "word\r\n", 6), 6);
  close(ends[1]);
  options_.passphrase_file = "/dev/fd/" + std::to_string(ends[0]);
  Open()->Set("a", "1").value();
  close(ends[0]);
  UsePassphrase("word");
  EXPECT_EQ(Value(*Open(), "a"), "1");
}

TEST_F(SecretStoreTest, APassphraseThatIsNoneIsRefused) {
  UsePassphrase("\n");
  EXPECT_THAT(Refusal().message, HasSubstr("has no passphrase"));
  UsePassphrase(std::string(1025, 'x'));
  EXPECT_THAT(Refusal().message, HasSubstr("longer than 1024 bytes"));
  UsePassphrase(std::string(1024, 'x') + "\r\n");
  Open();
  chmod(options_.passphrase_file.c_str(), 0604);
  EXPECT_THAT(Refusal().message, HasSubstr("others can read"));
  options_.passphrase_file = folder_ / "missing";
  EXPECT_THAT(Refusal().message, HasSubstr("missing with the passphrase does not exist"));
}

TEST_F(SecretStoreTest, AFileWithAnotherKindOfKeySaysWhich) {
  Open()->Set("a", "1").value();
  UsePassphrase("word");
  EXPECT_THAT(Refusal().message, HasSubstr("written with a key file: start Core without "));
  std::filesystem::remove(options_.file);
  Open()->Set("a", "1").value();
  options_.passphrase_file.clear();
  EXPECT_THAT(Refusal().message, HasSubstr("written with a passphrase: start Core with "));
}

TEST_F(SecretStoreTest, ADamagedFileIsRefusedAndKept) {
  Open()->Set("a", "1").value();
  std::string text = Text(options_.file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  Write(options_.file, text);
  EXPECT_EQ(Refusal().code, Code::kDataLoss);
  EXPECT_THAT(Refusal().message, HasSubstr("damaged, its checksum is wrong. Restore"));
  Write(options_.file, "");
  EXPECT_EQ(Refusal().code, Code::kDataLoss);
  Write(options_.file, std::string(17 << 20, 'x'));
  EXPECT_EQ(Refusal().code, Code::kDataLoss);
}

TEST_F(SecretStoreTest, AFullDiskLosesNothing) {
  const auto store = Open();
  store->Set("a", "first").value();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{64, before.rlim_max};
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const auto set = store->Set("a", "second");
  const auto removed = store->Remove("a");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Code::kResourceExhausted);
  EXPECT_FALSE(removed);
  EXPECT_EQ(Value(*store, "a"), "first");
  EXPECT_EQ(Value(*Open(), "a"), "first");
  EXPECT_TRUE(store->Set("a", "third"));
  EXPECT_EQ(Value(*Open(), "a"), "third");
}

TEST_F(SecretStoreTest, AFolderThatCannotBeWrittenIsNamed) {
  options_.key_file = "/proc/mesg/secrets.key";
  const auto set = Open()->Set("a", "1");
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().message, HasSubstr("cannot write /proc/mesg"));
  EXPECT_FALSE(std::filesystem::exists(options_.file));
}

TEST_F(SecretStoreTest, WhatACrashLeftOfAChangeIsIgnored) {
  Open()->Set("a", "1").value();
  Write(options_.file.string() + ".new", "half");
  const auto store = Open();
  EXPECT_EQ(Value(*store, "a"), "1");
  EXPECT_TRUE(store->Set("b", "2"));
  EXPECT_EQ(Names(*Open()), "a b ");
}

TEST_F(SecretStoreTest, OneKeyOpensTheFilesOfSeveralCoresButNoneIsAnothersPart) {
  Open()->Set("a", "1").value();
  SecretStore::Options other = options_;
  other.file = folder_ / "data" / "other";
  SecretStore::Open(other, clock_).value()->Set("a", "2").value();
  const std::string one = Text(options_.file);
  const std::string two = Text(other.file);
  ASSERT_EQ(one.size(), two.size());
  // The header of one with the contents of the other, which have the same key file.
  EXPECT_NE(one.substr(0, 46), two.substr(0, 46)) << "each has its own salt";
  Write(options_.file, one.substr(0, 46) + two.substr(46));
  EXPECT_EQ(Refusal().code, Code::kDataLoss);
}

TEST_F(SecretStoreTest, ChangesOfManyThreadsAreAllKeptWhileOthersRead) {
  const auto store = Open();
  store->Set("fixed", "value").value();
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  std::atomic<bool> over = false;
  std::atomic<int> wrong = 0;
  {
    std::jthread reader([&] {
      while (!over) wrong += Value(*store, "fixed") == "value" ? 0 : 1;
    });
    {
      std::vector<std::jthread> writers;
      for (int thread = 0; thread < kThreads; ++thread) {
        writers.emplace_back([&, thread] {
          for (int i = 0; i < kEach; ++i) {
            wrong += store->Set(fmt::format("s{}_{}", thread, i), "v") ? 0 : 1;
          }
        });
      }
    }
    over = true;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(Open()->List().size(), 1U + kThreads * kEach);
}

TEST_F(SecretStoreTest, AKeyThatSomebodyElseWasFasterToMakeIsTaken) {
  const auto store = Open();
  const LockedBytes other = MakeKeyFile(options_.key_file).value();
  store->Set("a", "1").value();
  EXPECT_EQ(Text(options_.key_file), other.view());
  EXPECT_EQ(Value(*Open(), "a"), "1");
}

}  // namespace
}  // namespace mesg::store
