#include "api/grpc/application_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/broker_fixture_test.h"

namespace mesg::api {
namespace {

using runtime::ServiceState;
using runtime::ServiceStatus;
using ::testing::HasSubstr;

class ApplicationProblemsTest : public broker::BrokerTest {
 protected:
  void SetUp() override {
    Start();
    status_.instance = Deploy();
    status_.state = ServiceState::kRunning;
    status_.managed = true;
  }
  void TearDown() override { Stop(); }

  v1::Application Tell(const std::vector<ServiceStatus>& services,
                       const std::string& steps = "[]") {
    v1::Application application;
    application.set_name("alerts");
    application.set_hash("version of " + steps);
    application.set_file_name("app.yml");
    (*application.mutable_services())["mine"] = "shop";
    problems_.Tell(*broker_->Deployed(), services,
                   "name: alerts\nservices: { mine: { use: shop } }\nworkflows:\n"
                   "  w: { on: { manual: {} }, steps: " +
                       steps + " }\n",
                   application);
    return application;
  }
  std::string ProblemOfService() {
    const v1::Application application = Tell({status_});
    const auto found = application.service_problems().find("mine");
    return found == application.service_problems().end() ? "" : found->second;
  }

  ServiceStatus status_;
  ApplicationProblems problems_;
};

TEST_F(ApplicationProblemsTest, AServiceThatRunsIsNone) {
  EXPECT_EQ(ProblemOfService(), "");
  EXPECT_EQ(Tell({status_}).problem(), "");
}

TEST_F(ApplicationProblemsTest, AServiceThatPerformsNothingSaysWhy) {
  EXPECT_EQ(Tell({}).service_problems().at("mine"), "shop is not deployed");
  status_.state = ServiceState::kDraining;
  EXPECT_EQ(ProblemOfService(), "shop is not deployed");
  status_.state = ServiceState::kStopped;
  EXPECT_EQ(ProblemOfService(), "shop is stopped; `mesg service start shop`");
  status_.state = ServiceState::kFailed;
  status_.reason = "it exited with 1";
  EXPECT_EQ(ProblemOfService(), "shop does not run: it exited with 1");
  status_.state = ServiceState::kStopped;
  status_.managed = false;
  EXPECT_EQ(ProblemOfService(), "no worker of shop is connected");
  status_.workers = 1;
  EXPECT_EQ(ProblemOfService(), "");
}

TEST_F(ApplicationProblemsTest, AServiceThatNoLongerHasATaskDoesNotFit) {
  const std::string problem = Tell({status_}, "[ { task: mine.gone } ]").problem();
  EXPECT_THAT(problem, HasSubstr("it does not fit its services any more: workflows.w.steps[0]"));
  EXPECT_THAT(problem, HasSubstr("gone"));
  EXPECT_EQ(Tell({status_}, "[ { task: mine.gone } ]").problem(), problem) << "remembered";
}

}  // namespace
}  // namespace mesg::api
