// The service as it ships, started by a real Core: scripts and what becomes of hostile ones.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"

namespace mesg::services {
namespace {

using ::testing::HasSubstr;

class ScriptTest : public ServiceTest {
 protected:
  ScriptTest() : ServiceTest("script") {}

  // Inputs with `code`, which needs no escape, and more fields.
  static std::string Inputs(const std::string& code, const std::string& more = {}) {
    return R"({"code":")" + code + "\"" + (more.empty() ? "" : ",") + more + "}";
  }
  std::string Run(const std::string& code, const std::string& more = {}) {
    const auto outputs = Execute("run", Inputs(code, more));
    return outputs ? *outputs : outputs.error().message;
  }
};

TEST_F(ScriptTest, ResultAndLog) {
  StartService();
  EXPECT_EQ(
      Run("console.log('adds', input); return input.a + input.b;", R"("input":{"a":1,"b":2})"),
      R"({"result":3,"logs":["adds {\"a\":1,\"b\":2}"]})");
  EXPECT_EQ(Run(""), R"({"result":null,"logs":[]})");
  EXPECT_EQ(Run("return await input.map(async (n) => n)[1];", R"("input":["x","é"])"),
            R"({"result":"é","logs":[]})");
  EXPECT_THAT(Run("return input;", R"("input":9007199254740993)"),
              HasSubstr("the inputs hold 9007199254740993, which JavaScript would round"));
  EXPECT_THAT(Run("return 1;", R"("timeout":"1h")"), HasSubstr("timeout: expected a duration"));
  EXPECT_THAT(Run("return 1;", R"("memory":100000)"), HasSubstr("memory: expected a whole number"));
}

TEST_F(ScriptTest, HostileScriptsEndInAClearErrorAndDisturbNobody) {
  StartService({{"THREADS", "2"}});
  // Under way all the time, on one of two threads.
  const std::string endless = Begin("run", Inputs("for (;;);", R"("timeout":"30s")"));
  struct Case {
    std::string code;
    std::string more;
    std::string says;
  };
  const std::vector<Case> cases = {
      {"for (;;);", R"("timeout":"50ms")", "it ran longer than 50 ms, its time limit"},
      {"for (;;) await null;", R"("timeout":"50ms")", "it ran longer than 50 ms"},
      {"for (;;) (async () => { for (;;); })();", R"("timeout":"50ms")",
       "it ran longer than 50 ms"},
      {"/^(a+)+$/.test('a'.repeat(99) + 'b');", R"("timeout":"50ms")", "it ran longer than 50 ms"},
      {"const a = []; for (;;) a.push(new Array(9999).fill(1));", R"("memory":16)",
       "it needed more than 16 MiB, its memory limit"},
      {"return 'x'.repeat(1e9);", "", "it needed more than 32 MiB, its memory limit"},
      {"const f = () => f() + 1; f();", "", "line 1: InternalError: stack overflow"},
      {"return (() => 1).constructor('return process')().env;", "", "'process' is not defined"},
      {"return this.constructor.constructor('return process')();", "", "line 1: TypeError"},
      {"return require('fs').readFileSync('/etc/passwd');", "", "'require' is not defined"},
      {"return (await import('fs')).readFileSync('/etc/passwd');", "",
       "could not load module 'fs'"},
      {"return fetch('http://127.0.0.1/');", "", "'fetch' is not defined"},
      {"Object.prototype.code = 1; Array.prototype.push = null; throw Error('mine');", "",
       "line 1: Error: mine"},
      {"const a = {}; a.a = a; return a;", "", "result.a contains itself"},
      {"return { f() {} };", "", "result.f is a function, which is not JSON"},
      {"return 2n ** 70n;", "", "result is a BigInt"},
      {"return 'x'.repeat(2100000);", "", "the result is larger than 2097152 bytes"},
      {"let x = ;", "", "line 1: SyntaxError"},
  };
  for (const auto& [code, more, says] : cases) {
    const auto failed = Execute("run", Inputs(code, more));
    ASSERT_FALSE(failed) << code << " gave " << *failed;
    EXPECT_THAT(failed.error().message, HasSubstr(says)) << code;
    EXPECT_EQ(Run("return 1 + 1;"), R"({"result":2,"logs":[]})") << code;
  }
  EXPECT_EQ(Core().Run({"execution", "cancel", endless}).status, 0);
  EXPECT_FALSE(Await(endless));
  EXPECT_EQ(Run("return 1 + 1;"), R"({"result":2,"logs":[]})");
}

TEST_F(ScriptTest, KillsOfServiceAndCoreLoseNoScript) {
  StartService();
  std::vector<std::string> begun;
  for (int i = 0; i < 40; ++i) {
    if (i == 10) {
      ASSERT_NO_FATAL_FAILURE(KillService());
    }
    if (i == 25) {
      KillCore();
      ASSERT_NO_FATAL_FAILURE(StartCore());
    }
    begun.push_back(
        Begin("run", Inputs("let n = 0; for (let i = 0; i < 1e6; i += 1) n += 1; return "
                            "n + input;",
                            "\"input\":" + std::to_string(i))));
  }
  for (std::size_t i = 0; i < begun.size(); ++i) {
    const auto outputs = Await(begun[i]);
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_EQ(*outputs, "{\"result\":" + std::to_string(1'000'000 + i) + ",\"logs\":[]}");
  }
}

TEST_F(ScriptTest, WrongConfigurationIsSaid) {
  StartCore();
  const auto deployed =
      Core().Run({"service", "deploy", MESG_SERVICE_SOURCE, "--env", "MAX_TIMEOUT=2m", "--start"});
  EXPECT_TRUE(mesg::testing::Eventually([&] {
    return Log().find("script: MAX_TIMEOUT: expected at most 50000ms, got 2m") != std::string::npos;
  })) << deployed.errors
      << Log();
}

}  // namespace
}  // namespace mesg::services
