#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/program/program.h"
#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kMail = R"(
name: Mail
sid: mail
events:
  left: { data: { text: { type: String }, count: { type: Number, optional: true } } }
tasks:
  send:
    retry: { attempts: 2, initial: 1s, factor: 1, max: 1s, jitter: 0 }
    inputs: { to: { type: String }, password: { type: String }, header: { type: String } }
    outputs: { log: { type: String }, count: { type: Number, optional: true } }
  once:
    effect: once
    retry: { attempts: 2, initial: 1s, factor: 1, max: 1s, jitter: 0 }
    inputs: { password: { type: String } }
    outputs: { ok: { type: Boolean } }
  dial:
    retry: { attempts: 1 }
    inputs: { port: { type: Number } }
    outputs: { ok: { type: Boolean } }
)";

constexpr std::string_view kApplication = R"(
name: letters
services:
  mail: { use: mail }
workflows:
  post:
    on: { manual: {} }
    steps:
      - id: send
        task: mail.send
        with:
          to: a@example.org
          password: ${ $secrets.smtp }
          header: "Bearer ${ $secrets.token }!"
      - id: then
        set: { said: "${ $steps.send.log }" }
  pay:
    on: { manual: {} }
    steps:
      - task: mail.once
        with: { password: "${ $secrets.smtp }" }
  call:
    on: { manual: {} }
    steps:
      - task: mail.dial
        with: { port: "${ $secrets.smtp }" }
  count:
    on: { manual: {} }
    steps:
      - task: mail.dial
        with: { port: "${ $secrets.smtp | tonumber }" }
)";

constexpr char kSmtp[] = "hunter2-of-smtp";
constexpr char kToken[] = "token-of-somebody";

/// Applications whose tasks are given secrets.
class SecretsOfTasksTest : public BrokerTest {
 protected:
  SecretsOfTasksTest() {
    settings_.secrets = [this](std::string_view name) -> Result<std::optional<std::string>> {
      return secrets_.With([&](const auto& all) -> std::optional<std::string> {
        const auto found = all.find(name);
        return found == all.end() ? std::nullopt : std::optional(found->second);
      });
    };
    Set("smtp", kSmtp);
    Set("token", kToken);
    Start();
    mail_ = Deploy(kMail, "mail");
    engine::Application application;
    application.name = "letters";
    application.file_name = "app.yml";
    application.text = kApplication;
    application.version =
        app::ProgramSource{application.file_name, application.text, {}, {}, {}}.Hash();
    const auto deployed = Ask<engine::ApplicationPtr>(
        [&](auto reply) { broker_->DeployApplication(application, std::move(reply)); });
    EXPECT_TRUE(deployed) << deployed.error().message;
  }

  void Set(const std::string& name, const std::string& value) {
    secrets_.With([&](auto& all) { all[name] = value; });
  }
  void Unset(const std::string& name) {
    secrets_.With([&](auto& all) { all.erase(name); });
  }
  engine::RunId StartRun(const std::string& workflow = "post") {
    const auto run = Ask<engine::RunPtr>(
        [&](auto reply) { broker_->StartRun("letters", workflow, "{}", "", std::move(reply)); });
    EXPECT_TRUE(run) << run.error().message;
    return run ? (*run)->id : engine::RunId();
  }
  /// What there is to be seen of a run, and of the executions of its steps.
  std::string All(const engine::RunId& id) {
    const auto view = broker_->GetRun(id, 0);
    if (!view) return view.error().message;
    std::string all = fmt::format("{} {}\n", Name(view->run->state), view->waiting_for);
    for (const StepView& step : view->steps) {
      all += fmt::format("{} {} {} {} {}\n", step.what, step.inputs, step.output, step.error,
                         step.waiting_for);
      for (const Attempt& attempt : step.attempts) {
        all += fmt::format("{} {}\n", Name(attempt.outcome), attempt.reason);
      }
      if (step.execution.empty()) continue;
      const auto execution = Get(step.execution);
      if (!execution) continue;
      all += fmt::format("{} {} {}\n", execution->execution->inputs, State(step.execution),
                         execution->waiting_for);
      if (execution->execution->outcome) all += execution->execution->outcome->outputs + "\n";
      for (const Attempt& attempt : execution->execution->attempts) all += attempt.reason + "\n";
    }
    return all;
  }
  std::string AllBecomes(const engine::RunId& id, const std::string& part) {
    std::string all;
    for (int i = 0; i < 20'000; ++i) {
      if ((all = All(id)).find(part) != std::string::npos) break;
      std::this_thread::yield();
    }
    return all;
  }
  std::string Events() {
    const auto page = broker_->ListEvents({});
    std::string all;
    if (!page) return page.error().message;
    for (const auto& entry : page->events) all += entry.entry.data + " ";
    return all;
  }
  /// Whatever is in the stores.
  void ExpectStoredNowhere(const std::string& value) {
    for (const auto& store : stores_) {
      for (auto cursor = store->Read("", std::string(64, '\xff')); cursor->Valid();
           cursor->Next()) {
        EXPECT_EQ(cursor->Value().find(value), std::string_view::npos) << cursor->Key();
        EXPECT_EQ(cursor->Key().find(value), std::string_view::npos);
      }
    }
  }

  Guarded<std::map<std::string, std::string, std::less<>>> secrets_;
  InstancePtr mail_;
  const std::shared_ptr<FakeWorker> worker_ = std::make_shared<FakeWorker>();
};

TEST_F(SecretsOfTasksTest, AreGivenToTheWorkerAndStoredNowhere) {
  Connect(mail_, worker_);
  const engine::RunId run = StartRun();
  const FakeWorker::Taken taken = worker_->Take(0);
  EXPECT_EQ(taken.inputs, R"({"to":"a@example.org","password":"hunter2-of-smtp",)"
                          R"("header":"Bearer token-of-somebody!"})");
  DeliveryAnswer answer =
      Success(taken.id, "", R"({"log":"said hunter2-of-smtp and Bearer token-of-somebody!"})");
  answer.events.push_back(
      {"left", R"({"text":"with hunter2-of-smtp"})", "id hunter2-of-smtp", {}, ""});
  answer.moves.push_back({"last hunter2-of-smtp", R"({"was":["hunter2-of-smtp"]})", {}});
  ASSERT_TRUE(Answer(answer));
  const std::string all = AllBecomes(run, "completed \n");
  EXPECT_THAT(all, HasSubstr(R"({"to":"a@example.org","password":null,"header":null})"));
  EXPECT_THAT(all, HasSubstr(R"({"log":"said *** and Bearer ***!"})"));
  EXPECT_THAT(all, HasSubstr(R"({"said":"said *** and Bearer ***!"})")) << "what later steps see";
  EXPECT_THAT(Events(), HasSubstr(R"({"text":"with ***"})"));
  const auto keys = broker_->GetKeys(mail_, {"last ***"});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->front().value, R"({"was":["***"]})");
  ExpectStoredNowhere(kSmtp);
  ExpectStoredNowhere(kToken);
}

TEST_F(SecretsOfTasksTest, FailuresAndRefusalsDoNotRepeatThem) {
  const WorkerId id = Connect(mail_, worker_);
  const engine::RunId run = StartRun();
  broker_->RefuseDelivery(id, worker_->Take(0).id, "cannot send hunter2-of-smtp");
  EXPECT_THAT(AllBecomes(run, "cannot send"), HasSubstr("cannot send ***"));
  Advance(std::chrono::milliseconds(100));
  ASSERT_TRUE(
      Answer({worker_->Take(1).id, engine::Failure{"535 hunter2-of-smtp is wrong", true}, {}, {}}));
  const std::string all = AllBecomes(run, "failed");
  EXPECT_THAT(all, HasSubstr("535 *** is wrong"));
  ExpectStoredNowhere(kSmtp);
}

TEST_F(SecretsOfTasksTest, OutputsThatDoNotFitWithoutTheSecretFailAndSayWhy) {
  Connect(mail_, worker_);
  Set("smtp", "12345");
  const engine::RunId run = StartRun();
  const auto answered = Answer(Success(worker_->Take(0).id, "", R"({"log":"","count":1234567})"));
  ASSERT_FALSE(answered);
  EXPECT_THAT(answered.error().message, HasSubstr("count: expected a Number, got a String"));
  EXPECT_THAT(answered.error().message, HasSubstr(R"(a secret in it counts as the text "***")"));
  EXPECT_THAT(AllBecomes(run, "failed"), Not(HasSubstr("12345")));
  ExpectStoredNowhere("12345");
}

TEST_F(SecretsOfTasksTest, OneThatIsNotSetFailsTheAttemptAndTheNextMayHaveIt) {
  Connect(mail_, worker_);
  Unset("smtp");
  const engine::RunId run = StartRun();
  EXPECT_THAT(AllBecomes(run, "is not set"),
              HasSubstr("the secret smtp is not set; set it with mesg secret set smtp"));
  EXPECT_EQ(worker_->Deliveries(), 0U);
  Set("smtp", kSmtp);
  Advance(std::chrono::seconds(1));
  const FakeWorker::Taken taken = worker_->Take(0);
  EXPECT_EQ(taken.attempt, 2U);
  EXPECT_THAT(taken.inputs, HasSubstr(kSmtp));
  ASSERT_TRUE(Answer(Success(taken.id, "", R"({"log":"ok"})")));
  AllBecomes(run, "completed \n");
}

TEST_F(SecretsOfTasksTest, AnEffectOnceThatCouldNotBeHandedOutHasNotHappened) {
  Connect(mail_, worker_);
  Unset("smtp");
  const engine::RunId run = StartRun("pay");
  const std::string all = AllBecomes(run, "is not set");
  EXPECT_THAT(all, Not(HasSubstr("unknown")));
  Set("smtp", kSmtp);
  Advance(std::chrono::seconds(1));
  const FakeWorker::Taken taken = worker_->Take(0);
  EXPECT_EQ(taken.inputs, R"({"password":"hunter2-of-smtp"})");
  ASSERT_TRUE(Answer(Success(taken.id, "", R"({"ok":true})")));
  EXPECT_THAT(AllBecomes(run, "completed \n"), HasSubstr("completed"));
}

TEST_F(SecretsOfTasksTest, WhatDoesNotFitTheContractWithThemFailsWithoutTellingThem) {
  Connect(mail_, worker_);
  EXPECT_THAT(AllBecomes(StartRun("call"), "failed"),
              HasSubstr("with the secrets in their place: Inputs of task \"dial\""));
  EXPECT_THAT(All(StartRun("call")), Not(HasSubstr(kSmtp)));
  const std::string all = AllBecomes(StartRun("count"), "failed");
  EXPECT_THAT(all, HasSubstr("| tonumber) fails: why is left out"));
  EXPECT_THAT(all, Not(HasSubstr("hunter2")));
  EXPECT_EQ(worker_->Deliveries(), 0U);
  Set("smtp", "25");
  StartRun("count");
  EXPECT_EQ(worker_->Take(0).inputs, R"({"port":25})");
}

TEST_F(SecretsOfTasksTest, WhatWasGivenIsFoundAfterItWasChanged) {
  Connect(mail_, worker_);
  const engine::RunId run = StartRun();
  const FakeWorker::Taken taken = worker_->Take(0);
  Set("smtp", "another-one");
  ASSERT_TRUE(Answer(Success(taken.id, "", R"({"log":"hunter2-of-smtp, another-one"})")));
  EXPECT_THAT(AllBecomes(run, "completed \n"), HasSubstr(R"({"log":"***, ***"})"));
  ExpectStoredNowhere(kSmtp);
}

TEST_F(SecretsOfTasksTest, AnAnswerAfterARestartIsRedactedWithWhatTheyAreNow) {
  Connect(mail_, worker_);
  const engine::RunId run = StartRun();
  const FakeWorker::Taken taken = worker_->Take(0);
  Restart();
  ASSERT_TRUE(Answer(Success(taken.id, "", R"({"log":"hunter2-of-smtp"})")));
  EXPECT_THAT(AllBecomes(run, "completed \n"), HasSubstr(R"({"log":"***"})"));
  ExpectStoredNowhere(kSmtp);
}

}  // namespace
}  // namespace mesg::broker
