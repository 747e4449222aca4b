#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/application_fixture.h"

namespace mesg::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The file the documentation begins with.
constexpr std::string_view kBigTransfers = R"(name: big-transfers
inputs:
  wallet: { type: String, description: address to watch }
  limit:  { type: Number, optional: true, default: 1000 }
services:
  chain: { use: ethereum, env: { RPC_URL: "${ $env.RPC_URL }" } }
  mail:  { use: email, env: { SMTP_PASSWORD: "${ $secrets.smtp }" } }
  http:  { use: http }
workflows:
  alert:
    on: chain.transfer
    if: .to == $inputs.wallet and (.value | tonumber) >= $inputs.limit
    steps:
      - id: price
        task: http.request
        with: { url: "https://rates.example/eth", timeout: 5s }
        retry: { attempts: 5, initial: 1s, factor: 2, max: 1m }
        timeout: 30s
      - if: ${ $steps.price.status == 200 }
        then:
          - task: mail.send
            with: { to: me@example.org, subject: "Got ${ .value } from ${ .from }" }
        else:
          - task: mail.send
            with: { to: me@example.org, subject: "Got a transfer, no price" }
    catch:
      - task: mail.send
        with: { to: ops@example.org, subject: "alert failed: ${ $error.message }" }
)";

class BigTransfersTest : public ApplicationTest {
 protected:
  void SetUp() override {
    Start();
    DeployWith("ethereum", "RPC_URL=https://other.example", R"(name: Ethereum
sid: ethereum
env: { RPC_URL: { required: true } }
events:
  transfer: { data: { from: { type: String }, to: { type: String }, value: { type: String } } }
)");
    DeployWith("email", "SMTP_PASSWORD=other", R"(name: Email
sid: email
env: { SMTP_PASSWORD: { required: true, secret: true } }
tasks:
  send: { inputs: { to: { type: String }, subject: { type: String } } }
)");
    DeployDefinition(R"(name: HTTP
sid: http
tasks:
  request:
    inputs: { url: { type: String }, timeout: { type: String } }
    outputs: { status: { type: Number } }
)",
                     "http");
    folder_.Write("app.yml", kBigTransfers);
    folder_.Write("password", "geheim");
    ASSERT_EQ(Ran({"secret", "set", "smtp", "--from-file", folder_.path() / "password"}), "");
    ASSERT_EQ(Ran({"app", "deploy", folder_.path() / "app.yml", "--set", "wallet=0xme", "--env",
                   "RPC_URL=https://node.example"}),
              "");
    Perform("big-transfers-chain", {});
    Perform("big-transfers-mail", {{"send", Answering(mails_)}});
    Perform("http", {{"request", [this](auto responder) {
                        const std::scoped_lock lock(mutex_);
                        requests_.push_back(std::move(responder));
                      }}});
  }

  /// A service that others use too, in another way than this application.
  void DeployWith(const std::string& name, const std::string& env, std::string_view yaml) {
    folder_.Write(name + "/mesg.yml", yaml);
    ASSERT_EQ(Ran({"service", "deploy", folder_.path() / name, "--env", env}), "");
  }
  /// "" when it did what it was asked to.
  std::string Ran(const std::vector<std::string>& arguments) {
    const CoreProcess::Ran ran = core_.Run(arguments);
    return ran.status == 0 ? "" : ran.output + ran.errors;
  }
  void Transfer(const std::string& to, const std::string& value) {
    Emit("big-transfers-chain", "transfer",
         fmt::format(R"({{"from":"0xada","to":"{}","value":"{}"}})", to, value));
  }
  /// Waits for a request of the http service.
  sdk::Responder Request() {
    const auto comes = [this] {
      const std::scoped_lock lock(mutex_);
      return !requests_.empty();
    };
    EXPECT_TRUE(Eventually(comes)) << core_.Log();
    const std::scoped_lock lock(mutex_);
    sdk::Responder request = std::move(requests_.back());
    requests_.clear();
    return request;
  }
  std::string OnlyRun() {
    EXPECT_TRUE(Eventually([this] { return !Runs("big-transfers").empty(); }));
    const std::vector<v1::Run> runs = Runs("big-transfers");
    EXPECT_THAT(runs, SizeIs(1));
    return runs.empty() ? "" : runs[0].id();
  }

  Notes mails_;

 private:
  std::mutex mutex_;
  std::vector<sdk::Responder> requests_;
};

TEST_F(BigTransfersTest, TellsWhatCameAndIsNotDisturbedByAKill) {
  Transfer("0xother", "5000");
  Transfer("0xme", "999");
  Transfer("0xme", "2000");
  sdk::Responder request = Request();
  EXPECT_THAT(request.task().inputs(), HasSubstr("https://rates.example/eth"));
  const std::string run = OnlyRun();
  KillAndStart();
  request.Succeed({.json = R"({"status":200})"});
  ASSERT_TRUE(Becomes(run, v1::RUN_COMPLETED)) << Story(run);
  EXPECT_THAT(mails_.All(),
              ElementsAre(R"({"to":"me@example.org","subject":"Got 2000 from 0xada"})"));
  EXPECT_EQ(OnlyRun(), run);
}

TEST_F(BigTransfersTest, GoesTheOtherWayWithoutAPrice) {
  Transfer("0xme", "1000");
  Request().Succeed({.json = R"({"status":503})"});
  ASSERT_TRUE(Becomes(OnlyRun(), v1::RUN_COMPLETED));
  EXPECT_THAT(mails_.All(),
              ElementsAre(R"({"to":"me@example.org","subject":"Got a transfer, no price"})"));
}

TEST_F(BigTransfersTest, TellsOthersWhenItFails) {
  Transfer("0xme", "1000");
  Request().Fail(sdk::Permanent(Internal("no such host")));
  ASSERT_TRUE(Becomes(OnlyRun(), v1::RUN_FAILED));
  ASSERT_THAT(mails_.All(), SizeIs(1));
  EXPECT_THAT(mails_.All()[0], HasSubstr("alert failed: "));
  EXPECT_THAT(mails_.All()[0], HasSubstr("no such host"));
}

TEST_F(BigTransfersTest, TriesAnotherTime) {
  Transfer("0xme", "1000");
  Request().Fail(Internal("busy"));
  Request().Succeed({.json = R"({"status":200})"});
  ASSERT_TRUE(Becomes(OnlyRun(), v1::RUN_COMPLETED));
  EXPECT_THAT(Step(OnlyRun(), "price").attempts(), SizeIs(2));
}

TEST_F(BigTransfersTest, GivesItsServicesTheirEnvironmentAndKeepsTheSecret) {
  const CoreProcess::Ran env = core_.Run({"service", "env", "big-transfers-chain"});
  EXPECT_THAT(env.output, HasSubstr("RPC_URL=https://node.example"));
  const CoreProcess::Ran shown = core_.Run({"app", "show", "big-transfers", "--json"});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(shown.output, ::testing::Not(HasSubstr("geheim")));
}

constexpr std::string_view kShop = R"(name: Shop
sid: shop
events:
  order: { data: { n: { type: Number } } }
tasks:
  pack: { inputs: { n: { type: Any } }, outputs: { n: { type: Any } } }
)";

class ApplicationsTest : public ApplicationTest {
 protected:
  void SetUp() override {
    Start();
    Serve("shop", kShop, {{"pack", [this](sdk::Responder responder) {
                             packed_.Add(responder.task());
                             const std::string inputs = responder.task().inputs();
                             responder.Succeed({.json = inputs});
                           }}});
  }
  Notes packed_;
};

TEST_F(ApplicationsTest, BranchesAndItemsAreCountedFromZero) {
  const grpc::Status status = Deploy(R"(name: app
services: { shop: shop }
workflows:
  main:
    on: { manual: {} }
    steps:
      - parallel: [[{ id: left, set: 1 }], [{ id: right, set: 2 }]]
      - { foreach: "[7, 8]", steps: [{ task: shop.pack, with: { n: "${ $item }" } }] }
)");
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::string run = Run("app", "main");
  ASSERT_TRUE(Becomes(run, v1::RUN_COMPLETED)) << Story(run);
  EXPECT_EQ(Step(run, "left").lane(), 0u);
  EXPECT_EQ(Step(run, "right").lane(), 1u);
  std::map<std::string, std::uint32_t> items;
  const v1::Run whole = GetRun(run);
  for (const v1::Run::Step& step : whole.steps()) {
    if (step.action() == "task") items[step.inputs()] = step.lane();
  }
  EXPECT_THAT(items, ElementsAre(std::pair(R"({"n":7})", 0u), std::pair(R"({"n":8})", 1u)));
}

/// An expression that was checked, and data that make it do its worst.
struct Hostile {
  std::string name;
  std::string expression;
  std::string x;
};

std::vector<Hostile> HostileExpressions() {
  const std::string nested = std::string(126, '[') + std::string(126, ']');
  return {
      // What the helper evaluates.
      {"abort", ".x | todate", "1e300"},
      {"hang", R"([.x | indices("")] as [$a] | $a)", R"("")"},
      {"memory", "[range(.x) | exp]", "1000000000"},
      {"text", R"(reduce range(.x) as $i ("x"; . + .) | test("y"))", "60"},
      {"levels", ".y = (reduce range(.x) as $i (0; [.]))", "5000"},
      {"level", ".y = [[[.x]]]", nested},
      {"long", "[range(.x) | nearbyint]", "1000000"},
      {"time", "last(range(.x)) | exp", "100000000000"},
      // What Core evaluates itself.
      {"ownMemory", "[range(.x)] | length", "1000000000"},
      {"ownText", R"(reduce range(.x) as $i ("x"; . + .) | length)", "60"},
      {"ownLevels", "reduce range(.x) as $i (0; [.]) | tojson | length", "33000"},
      {"ownLevel", "[[[.x]]]", nested},
      {"ownTime", "last(range(.x))", "100000000000"},
  };
}

// What arrives at run time can make an expression that was checked do its worst: only its step
// fails. What runs meanwhile does not wait for it.
TEST_F(ApplicationsTest, AHostileExpressionFailsItsStepAndNothingElse) {
  const std::vector<Hostile> hostile = HostileExpressions();
  std::string file = "name: app\nservices: { shop: shop }\nworkflows:\n";
  for (const Hostile& one : hostile) {
    file += fmt::format(
        "  {}:\n    on: {{ manual: {{ x: {{ type: Any }} }} }}\n    steps:\n"
        "      - {{ id: hostile, set: '${{ {} }}', catch: [{{ set: 1 }}] }}\n"
        "      - {{ id: after, set: '${{ 1 + 1 }}' }}\n",
        one.name, one.expression);
  }
  file +=
      "  tame:\n    on: shop.order\n    steps:\n"
      "      - { id: packed, task: shop.pack, with: { n: '${ .n + 1 }' } }\n";
  const grpc::Status status = Deploy(file);
  ASSERT_TRUE(status.ok()) << status.error_message();

  // The helper is busy for long: three of these take all the time that one may take.
  std::map<std::string, std::string> runs;
  const auto begin = [&](const Hostile& one) {
    runs.emplace(Run("app", one.name, fmt::format(R"({{"x":{}}})", one.x)), one.name);
  };
  for (int i = 0; i < 3; ++i) begin({"time", "", "100000000000"});
  for (const Hostile& one : hostile) begin(one);
  for (int i = 0; i < 50; ++i) Emit("shop", "order", fmt::format(R"({{"n":{}}})", i));
  ASSERT_TRUE(Eventually([this] {
    const std::vector<v1::Run> done = Runs("app", {v1::RUN_COMPLETED});
    return std::ranges::count(done, "tame", &v1::Run::workflow) == 50;
  }));
  EXPECT_THAT(packed_.All(), SizeIs(50));
  EXPECT_FALSE(Runs("app", {v1::RUN_RUNNING}).empty()) << "the tame ones were last";

  for (const auto& [run, name] : runs) {
    ASSERT_TRUE(Becomes(run, v1::RUN_COMPLETED)) << name << Story(run);
    EXPECT_EQ(Step(run, "hostile").state(), v1::STEP_CAUGHT) << name << Story(run);
    EXPECT_NE(Step(run, "hostile").error(), "") << name;
    EXPECT_EQ(Step(run, "after").output(), "2") << name;
  }
  EXPECT_EQ(client_.Status().pid(), static_cast<std::uint32_t>(core_.pid()));
}

// The helper does not outlive the second condition; what comes behind it is judged all the same.
TEST_F(ApplicationsTest, AConditionThatEndsTheHelperFailsItsOwnRun) {
  const grpc::Status status = Deploy(R"(name: app
services: { shop: shop }
workflows:
  judged:
    on: shop.order
    if: (.n | todate) > "1970"
    steps:
      - { task: shop.pack, with: { n: "${ .n }" } }
)");
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const char* n : {"1", "1e300", "2", "-1e12", "3"}) {
    Emit("shop", "order", fmt::format(R"({{"n":{}}})", n));
  }
  ASSERT_TRUE(Eventually([&] { return Runs("app", {v1::RUN_COMPLETED}).size() == 3; }));
  EXPECT_THAT(packed_.All(), ElementsAre(R"({"n":1})", R"({"n":2})", R"({"n":3})"));
  const std::vector<v1::Run> failed = Runs("app", {v1::RUN_FAILED});
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_THAT(failed[0].error(), HasSubstr("the condition of the workflow failed"));
  EXPECT_EQ(GetRun(failed[0].id()).data(), R"({"n":1e300})");
  EXPECT_EQ(GetRun(failed[0].id()).steps_size(), 0);
}

// A condition that the helper has to judge is asked behind the commit that records the event.
TEST_F(ApplicationsTest, AnEventWhoseConditionTheHelperJudgesIsNotLostByAKill) {
  const grpc::Status status = Deploy(R"(name: app
services: { shop: shop }
workflows:
  odd:
    on: shop.order
    if: (last(range(300000)) + .n | nearbyint) % 2 == 1
    steps:
      - { task: shop.pack, with: { n: "${ .n }" } }
)");
  ASSERT_TRUE(status.ok()) << status.error_message();
  constexpr int kRounds = 4;
  constexpr int kEvents = 10;
  std::vector<std::string> expected;
  bool in_the_middle = false;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kEvents; ++i) {
      const int n = round * kEvents + i;
      Emit("shop", "order", fmt::format(R"({{"n":{}}})", n));
      if (n % 2 == 0) expected.push_back(fmt::format(R"({{"n":{}}})", n));
    }
    in_the_middle |= Runs("app").size() < expected.size();
    KillAndStart();
  }
  EXPECT_TRUE(in_the_middle) << "each time the helper was done before the kill";
  ASSERT_TRUE(Eventually([&] { return packed_.All().size() >= expected.size(); }))
      << packed_.All().size() << " of " << expected.size() << core_.Log();
  ASSERT_TRUE(Eventually([&] { return Runs("app", {v1::RUN_RUNNING}).empty(); }));
  EXPECT_THAT(packed_.All(), ::testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(Runs("app"), SizeIs(expected.size()));
}

}  // namespace
}  // namespace mesg::testing
