#include "runtime/process/npm.h"

#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) {
    if (!word.starts_with("--no-")) all += word + " ";
  }
  return all;
}

constexpr std::string_view kNeedsMesg = R"({"name":"x","dependencies":{"mesg-js":"^2.1.0"}})";
constexpr std::string_view kLockWithout =
    R"({"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}})";
constexpr std::string_view kLock3 =
    R"({"lockfileVersion":3,"packages":{"":{},"node_modules/mesg-js/node_modules/grpc":{"version":"1.24.0"}}})";
constexpr std::string_view kLock1 =
    R"({"lockfileVersion":1,"dependencies":{"mesg-js":{"version":"2.1.0","dependencies":{"grpc":{"version":"1.24.0"}}}}})";

TEST(PlanNpmTest, InstallsFromTheLockWhenItFits) {
  const auto plan = PlanNpm(kNeedsMesg, kLockWithout).value();
  EXPECT_EQ(Joined(plan.install), "ci ");
  EXPECT_FALSE(plan.package_json);
}

// Nothing says what the tree will hold; an override of what is not there does nothing.
TEST(PlanNpmTest, WithoutALockTheOverrideIsAddedInCaseItIsNeeded) {
  const auto plan = PlanNpm(kNeedsMesg, std::nullopt).value();
  EXPECT_EQ(Joined(plan.install), "install --omit=dev ");
  EXPECT_EQ(plan.package_json, R"({"overrides":{"grpc":"npm:@grpc/grpc-js@1.14.1"},"name":"x",)"
                               R"("dependencies":{"mesg-js":"^2.1.0"}})"
                               "\n");
}

TEST(PlanNpmTest, ALockWithNativeGrpcIsInstalledAnewWithTheOverride) {
  for (const std::string_view lock : {kLock3, kLock1}) {
    const auto plan = PlanNpm(kNeedsMesg, lock).value();
    EXPECT_EQ(Joined(plan.install), "install --omit=dev ") << lock;
    EXPECT_TRUE(plan.package_json) << lock;
  }
}

TEST(PlanNpmTest, AnAliasOfAnotherPackageIsNotNative) {
  for (
      const std::string_view lock :
      {R"({"packages":{"node_modules/grpc":{"name":"@grpc/grpc-js","version":"1.14.1"}}})",
       R"({"dependencies":{"grpc":{"version":"npm:@grpc/grpc-js@1.14.1"}}})",
       R"({"packages":{"node_modules/@grpc/grpc":{"version":"1.0.0"},"node_modules/my-grpc":{}}})"}) {
    EXPECT_EQ(Joined(PlanNpm(kNeedsMesg, lock)->install), "ci ") << lock;
  }
}

// npm refuses an override of a direct dependency whose own version differs.
TEST(PlanNpmTest, ADirectDependencyIsReplacedToo) {
  const auto plan =
      PlanNpm(R"({"dependencies":{"a":"1","grpc":"^1.18.0"},"overrides":{"b":"2"}})", std::nullopt)
          .value();
  EXPECT_EQ(plan.package_json, R"({"overrides":{"grpc":"npm:@grpc/grpc-js@1.14.1","b":"2"},)"
                               R"("dependencies":{"a":"1","grpc":"npm:@grpc/grpc-js@1.14.1"}})"
                               "\n");
}

TEST(PlanNpmTest, AnOverrideOfTheServiceItselfStands) {
  const auto plan =
      PlanNpm(R"({"dependencies":{"a":"1"},"overrides":{"grpc":"1.24.11"}})", kLock3).value();
  EXPECT_FALSE(plan.package_json);
  EXPECT_EQ(Joined(plan.install), "ci ");
}

TEST(PlanNpmTest, NothingToInstallWithoutDependencies) {
  for (const char* package : {"{}", R"({"dependencies":{}})", R"({"dependencies":"odd"})"}) {
    const auto plan = PlanNpm(package, std::nullopt).value();
    EXPECT_TRUE(plan.install.empty()) << package;
    EXPECT_FALSE(plan.package_json) << package;
  }
}

TEST(PlanNpmTest, StartsAsThePackageSays) {
  const auto start = [](std::string_view package) {
    return Joined(PlanNpm(package, std::nullopt)->start);
  };
  EXPECT_EQ(start(R"({"scripts":{"start":"node x"},"main":"m.js"})"), "npm start ");
  EXPECT_EQ(start(R"({"scripts":{"test":"x"},"main":"m.js"})"), "node m.js ");
  EXPECT_EQ(start("{}"), "");
  EXPECT_EQ(start("\xef\xbb\xbf{\"main\":\"m.js\"}"), "node m.js ");
}

TEST(PlanNpmTest, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[]", "{\"a\":}", "null"}) {
    const auto package = PlanNpm(text, std::nullopt);
    ASSERT_FALSE(package) << text;
    EXPECT_EQ(package.error().code, Code::kInvalidArgument);
    const auto lock = PlanNpm(kNeedsMesg, text);
    ASSERT_FALSE(lock) << text;
    EXPECT_NE(lock.error().message.find("lock"), std::string::npos);
  }
}

}  // namespace
}  // namespace mesg::runtime
