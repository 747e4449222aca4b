#include "app/program/program.h"
#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

/// A clock that somebody sets.
class BrokerClockTest : public BrokerTest {
 protected:
  BrokerClockTest() {
    Start();
    engine::Application application;
    application.name = "app";
    application.file_name = "app.yml";
    application.text = R"(
name: app
workflows:
  go: { on: { manual: {} }, steps: [ { wait: 100ms }, { run: part } ] }
  part: { on: { manual: {} }, steps: [ { wait: 100ms } ] }
)";
    application.version =
        app::ProgramSource{application.file_name, application.text, {}, {}, {}}.Hash();
    const auto deployed = Ask<engine::ApplicationPtr>(
        [&](auto reply) { broker_->DeployApplication(application, std::move(reply)); });
    EXPECT_TRUE(deployed) << (deployed ? "" : deployed.error().message);
  }
  engine::RunId StartRun() {
    const auto run = Ask<engine::RunPtr>(
        [&](auto reply) { broker_->StartRun("app", "go", "{}", "", std::move(reply)); });
    EXPECT_TRUE(run) << (run ? "" : run.error().message);
    return run ? (*run)->id : engine::RunId();
  }
  bool Completes(const engine::RunId& id) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      const auto view = broker_->GetRun(id, 0);
      if (view && view->run->state == engine::RunState::kCompleted) return true;
      std::this_thread::yield();
    }
    return false;
  }
};

TEST_F(BrokerClockTest, RunsGoOnWhenTheClockIsSetBack) {
  const engine::RunId id = StartRun();
  clock_.Advance(-std::chrono::hours(1));
  EXPECT_TRUE(Completes(id));
}

TEST_F(BrokerClockTest, RunsGoOnWhenTheClockWasSetBackWhileCoreWasAway) {
  const engine::RunId id = StartRun();
  Stop();
  clock_.Advance(-std::chrono::hours(1));
  Start();
  EXPECT_TRUE(Completes(id));
}

}  // namespace
}  // namespace mesg::broker
