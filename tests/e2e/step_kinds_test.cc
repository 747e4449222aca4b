#include <atomic>
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
using ::testing::IsEmpty;

/// What a step that waits goes on after.
enum class Release : std::uint8_t { kNothing, kWork, kEvent, kApproval, kRejection };

/// A kind of step, as the mapping that stands behind `id: subject`.
struct Kind {
  std::string name;
  std::string good;
  std::string value;  ///< What it gives, as JSON; "-" when nothing comes after it.
  std::string bad;
  std::string error;  ///< Is in the error of the run.
  std::string flaky;  ///< Fails at first, and for good when it waits or `reads_gate`.
  std::string stuck;  ///< Waits long.
  Release good_needs = Release::kNothing;
  Release bad_needs = Release::kNothing;
  Release stuck_needs = Release::kNothing;
  bool reads_gate = false;  ///< What is wrong is what an earlier step gave.
};

constexpr std::string_view kService = R"(name: Shop
sid: shop
events:
  ping: { data: { key: { type: String } } }
tasks:
  gate: { outputs: { value: { type: String } } }
  work: { inputs: { how: { type: String } }, outputs: { value: { type: String } } }
  note: { inputs: { text: { type: String } } }
)";

constexpr std::string_view kTask = "task: shop.work, with: {{ how: {} }}";
std::string Work(std::string_view how) { return fmt::format(kTask, how); }
constexpr std::string_view kLong = ", retry: { attempts: 2, initial: 1h, max: 1h, jitter: 0 }";
constexpr std::string_view kNumber = "\"${ $steps.gate.value | tonumber }\"";

/// A step with steps inside, one of which does the work.
Kind Container(std::string name, std::string_view pattern, std::string value) {
  const auto with = [&](std::string_view how) {
    std::string text(pattern);
    const std::size_t at = text.find("WORK");
    return text.replace(at, 4, "{ " + Work(how) + " }");
  };
  return {.name = std::move(name),
          .good = with("good"),
          .value = std::move(value),
          .bad = with("bad"),
          .error = "the work is bad",
          .flaky = with("twice"),
          .stuck = with("stuck"),
          .stuck_needs = Release::kWork};
}

/// A step that is done at once: it waits only when it has failed and is tried again.
Kind Instant(std::string name, std::string good, std::string value, const std::string& bad,
             std::string error) {
  return {.name = std::move(name),
          .good = std::move(good),
          .value = std::move(value),
          .bad = bad,
          .error = std::move(error),
          .flaky = bad,
          .stuck = bad + std::string(kLong),
          .reads_gate = true};
}

std::vector<Kind> Kinds() {
  const std::string number(kNumber);
  return {
      {.name = "task",
       .good = Work("good"),
       .value = R"({"value":"good"})",
       .bad = Work("bad"),
       .error = "the work is bad",
       .flaky = Work("once"),
       .stuck = Work("stuck"),
       .stuck_needs = Release::kWork},
      Container("if", "if: \"true\", then: [WORK], else: [{ set: 1 }]", R"({"value":"good"})"),
      Container("switch", "switch: 1 + 1, cases: { \"2\": [WORK] }, default: [{ set: 1 }]",
                R"({"value":"good"})"),
      Container("parallel", "parallel: [[WORK], [{ set: 5 }]]", R"([{"value":"good"},5])"),
      Container("foreach", "foreach: \"[1, 2]\", concurrency: 2, steps: [WORK]",
                R"([{"value":"good"},{"value":"good"}])"),
      {.name = "run",
       .good = "run: child, with: { how: good }",
       .value = R"({"value":"good"})",
       .bad = "run: child, with: { how: bad }",
       .error = "the work is bad",
       .flaky = "run: child, with: { how: twice }",
       .stuck = "run: child, with: { how: stuck }",
       .stuck_needs = Release::kWork},
      {.name = "await",
       .good = "await: { event: shop.ping, if: .key == \"go\" }",
       .value = R"({"key":"go"})",
       .bad = "await: { event: shop.ping, timeout: 100ms }",
       .error = "waited too long",
       .flaky = "await: { event: shop.ping, timeout: 100ms }",
       .stuck = "await: { event: shop.ping, if: .key == \"go\" }",
       .good_needs = Release::kEvent,
       .stuck_needs = Release::kEvent},
      {.name = "approve",
       .good = "approve: { by: anybody }",
       .value = "",
       .bad = "approve: { by: anybody }",
       .error = "reject",
       .flaky = "approve: { by: anybody, timeout: 50ms, default: reject }",
       .stuck = "approve: { by: anybody, timeout: 1h }",
       .good_needs = Release::kApproval,
       .bad_needs = Release::kRejection,
       .stuck_needs = Release::kApproval},
      {.name = "wait",
       .good = "wait: 1ms",
       .value = "null",
       .bad = "wait: { until: $steps.gate.value | tonumber }",
       .error = "no number",
       .flaky = "wait: { until: $steps.gate.value | tonumber }",
       .stuck = "wait: 1h",
       .reads_gate = true},
      Instant("set", "set: { n: 5 }", R"({"n":5})", "set: " + number, "no number"),
      Instant("emit", "emit: told, with: { n: 5 }", "", "emit: told, with: { n: " + number + " }",
              "no number"),
      Instant("stop", "if: \"true\", stop: enough", "-", "if: \"true\", stop: " + number,
              "no number"),
      Instant("fail", "if: \"false\", fail: never", "null",
              R"(if: $steps.gate.value == "x", fail: on purpose)", "on purpose"),
  };
}

class StepKinds : public ApplicationTest, public ::testing::WithParamInterface<Kind> {
 protected:
  void SetUp() override {
    Start();
    Serve("shop", kService,
          {{"gate", [this](auto responder) { Gate(std::move(responder)); }},
           {"work", [this](auto responder) { Work(std::move(responder)); }},
           {"note", Answering(notes_)}});
  }

  /// Deploys `subject` between a step that can be undone and one that tells what it gave; the run.
  std::string Begin(const std::string& subject, bool undone = true) {
    const grpc::Status status = Deploy(fmt::format(
        R"(name: app
services: {{ shop: shop }}
events: {{ told: {{ data: {{ n: {{ type: Number }} }} }} }}
workflows:
  main:
    on: {{ manual: {{}} }}
    steps:
      - id: gate
        task: shop.gate
        {}
      - {{ id: subject, {} }}
      - {{ task: shop.note, with: {{ text: "after ${{ $steps.subject }}" }} }}
    catch:
      - {{ task: shop.note, with: {{ text: "caught" }} }}
  child:
    on: {{ manual: {{ how: {{ type: String }} }} }}
    steps: [{{ task: shop.work, with: {{ how: "${{ .how }}" }} }}]
)",
        undone ? R"(compensate: [{ task: shop.note, with: { text: undone } }])" : "", subject));
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Run("app", "main");
  }

  /// Waits until the subject is under way, with all that is inside it.
  void AwaitStuck(const std::string& run, Release needs) {
    ASSERT_TRUE(Eventually([&] {
      const v1::Run now = GetRun(run);
      bool waits = false;
      for (const v1::Run::Step& step : now.steps()) {
        waits |= step.id() == "subject" && step.state() == v1::STEP_RUNNING;
      }
      return waits && !now.waiting_for().empty() && (needs != Release::kWork || Holds());
    })) << Story(run);
  }

  void Go(const std::string& run, Release needs) {
    switch (needs) {
      case Release::kNothing:
        return;
      case Release::kWork:
        return ReleaseWork();
      case Release::kEvent:
        AwaitStuck(run, needs);
        Emit("shop", "ping", R"({"key":"other"})");
        return Emit("shop", "ping", R"({"key":"go"})");
      case Release::kApproval:
      case Release::kRejection:
        AwaitStuck(run, needs);
        const grpc::Status status = Decide(run, needs == Release::kApproval);
        EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }

  void ExpectCompleted(const std::string& run) {
    ASSERT_TRUE(Becomes(run, v1::RUN_COMPLETED)) << Story(run);
    const std::vector<std::string> notes = notes_.All();
    if (GetParam().value == "-") {
      EXPECT_THAT(notes, IsEmpty());
    } else {
      ASSERT_EQ(notes.size(), 1u);
      EXPECT_THAT(notes[0], HasSubstr("after"));
    }
    if (!GetParam().value.empty() && GetParam().value != "-") {
      const std::string output = Step(run, "subject").output();
      EXPECT_EQ(output.empty() ? "null" : output, GetParam().value);
    }
  }
  void ExpectFailed(const std::string& run, const std::string& error) {
    ASSERT_TRUE(Becomes(run, v1::RUN_FAILED)) << Story(run);
    EXPECT_THAT(GetRun(run).error(), HasSubstr(error));
    EXPECT_THAT(notes_.All(), ElementsAre(R"({"text":"undone"})", R"({"text":"caught"})"));
  }

  std::atomic<bool> cured_ = false;
  Notes notes_;

 private:
  void Gate(sdk::Responder responder) {
    responder.Succeed({.json = cured_ ? R"({"value":"7"})" : R"({"value":"x"})"});
  }
  void Work(sdk::Responder responder) {
    const std::string& inputs = responder.task().inputs();
    if (inputs.find("bad") != std::string::npos && !cured_) {
      return responder.Fail(sdk::Permanent(Internal("the work is bad")));
    }
    const std::scoped_lock lock(mutex_);
    if (inputs.find("once") != std::string::npos && failures_++ < 1) {
      return responder.Fail(Internal("the work is hard"));
    }
    if (inputs.find("twice") != std::string::npos && failures_++ < 2) {
      return responder.Fail(sdk::Permanent(Internal("the work is hard")));
    }
    if (inputs.find("stuck") == std::string::npos || released_) {
      return responder.Succeed({.json = R"({"value":"good"})"});
    }
    held_.push_back(std::move(responder));
  }
  bool Holds() {
    const std::scoped_lock lock(mutex_);
    return !held_.empty();
  }
  void ReleaseWork() {
    const std::scoped_lock lock(mutex_);
    released_ = true;
    for (sdk::Responder& responder : held_) responder.Succeed({.json = R"({"value":"good"})"});
    held_.clear();
  }

  std::mutex mutex_;
  bool released_ = false;
  int failures_ = 0;
  std::vector<sdk::Responder> held_;
};

TEST_P(StepKinds, Succeeds) {
  const std::string run = Begin(GetParam().good);
  Go(run, GetParam().good_needs);
  ExpectCompleted(run);
}

TEST_P(StepKinds, FailsAndIsUndoneAndCaught) {
  const std::string run = Begin(GetParam().bad);
  Go(run, GetParam().bad_needs);
  ExpectFailed(run, GetParam().error);
}

TEST_P(StepKinds, TakesTooLong) {
  const std::string run = Begin(GetParam().stuck + ", timeout: 200ms");
  ExpectFailed(run, "subject took longer than 200ms");
}

TEST_P(StepKinds, IsCancelledAndUndone) {
  const std::string run = Begin(GetParam().stuck);
  AwaitStuck(run, GetParam().stuck_needs);
  const grpc::Status status = Cancel(run);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Becomes(run, v1::RUN_CANCELLED)) << Story(run);
  EXPECT_THAT(notes_.All(), ElementsAre(R"({"text":"undone"})"));
  EXPECT_TRUE(Eventually([&] { return Runs("app", {v1::RUN_RUNNING}).empty(); }))
      << "a run inside it goes on";
}

TEST_P(StepKinds, GoesOnWhenWhatWasWrongIsRight) {
  const std::string run = Begin(GetParam().bad, false);
  Go(run, GetParam().bad_needs);
  ASSERT_TRUE(Becomes(run, v1::RUN_FAILED)) << Story(run);
  ASSERT_TRUE(Eventually([&] { return notes_.All().size() == 1; }));
  cured_ = true;
  EXPECT_EQ(GetParam().reads_gate ? Reset(run, "gate") : Retry(run), 1u);
  Go(run, GetParam().bad_needs == Release::kRejection ? Release::kApproval : GetParam().good_needs);
  ASSERT_TRUE(Becomes(run, v1::RUN_COMPLETED)) << Story(run);
  EXPECT_EQ(notes_.All().size(), GetParam().value == "-" ? 1u : 2u);
}

TEST_P(StepKinds, IsTriedAgainAsItsRetrySays) {
  const std::string run =
      Begin(GetParam().flaky + ", retry: { attempts: 4, initial: 10ms, factor: 1, jitter: 0 }");
  if (GetParam().reads_gate) {
    ExpectFailed(run, GetParam().error);
    EXPECT_EQ(Step(run, "subject").attempt(), 4u);
  } else if (GetParam().good_needs != Release::kNothing) {
    // What nobody did in time, or a person did not want, is not asked for again.
    ASSERT_TRUE(Becomes(run, v1::RUN_FAILED)) << Story(run);
    EXPECT_EQ(Step(run, "subject").attempt(), 1u);
  } else {
    ExpectCompleted(run);
    // A task is tried again where it is executed.
    const v1::Run::Step subject = Step(run, "subject");
    EXPECT_TRUE(subject.attempt() > 1 || subject.attempts_size() > 1) << Story(run);
  }
}

TEST_P(StepKinds, IsWhereItWasAfterAKill) {
  const std::string run = Begin(GetParam().stuck);
  AwaitStuck(run, GetParam().stuck_needs);
  const v1::Run::Step before = Step(run, "subject");
  KillAndStart();
  const v1::Run::Step after = Step(run, "subject");
  EXPECT_EQ(after.number(), before.number());
  EXPECT_EQ(after.started_us(), before.started_us());
  EXPECT_EQ(after.state(), v1::STEP_RUNNING);
  if (GetParam().stuck_needs != Release::kNothing) {
    Go(run, GetParam().stuck_needs);
    return ExpectCompleted(run);
  }
  ASSERT_TRUE(Cancel(run).ok());
  ASSERT_TRUE(Becomes(run, v1::RUN_CANCELLED)) << Story(run);
  EXPECT_THAT(notes_.All(), ElementsAre(R"({"text":"undone"})"));
}

INSTANTIATE_TEST_SUITE_P(E2e, StepKinds, ::testing::ValuesIn(Kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace mesg::testing
