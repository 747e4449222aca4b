#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/fixture.h"

namespace mesg::testing {
namespace {

constexpr std::string_view kShared = R"(name: Shared
sid: shared
tasks:
  work:
    outputs:
      pid: {type: Number}
)";

class SharingTest : public CoreTest {
 protected:
  void SetUp() override {
    Start();
    token_ = DeployDefinition(kShared);
  }

  ChildProcess StartWorker(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {MESG_E2E_WORKER};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const std::string name = "worker" + std::to_string(++workers_);
    return {std::move(words),
            {{"MESG_ENDPOINT", core_.endpoint()}, {"MESG_TOKEN", token_}},
            folder_.path() / (name + ".out"),
            folder_.path() / (name + ".err")};
  }
  bool Connected(std::uint32_t count) {
    return Eventually([&] { return client_.GetService("shared").workers() == count; });
  }

  std::string token_;
  int workers_ = 0;
};

TEST_F(SharingTest, TwoWorkersShareTheLoad) {
  ChildProcess one = StartWorker({});
  ChildProcess two = StartWorker({});
  ASSERT_TRUE(Connected(2));
  std::map<std::string, int> answers;
  for (const std::string& id : CreateMany("shared", "work", 200)) {
    ASSERT_TRUE(Becomes(id, v1::COMPLETED));
    ++answers[Get(id).outcome().outputs()];
  }
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(SharingTest, TheWorkOfAKilledWorkerMovesToTheOther) {
  ChildProcess holds = StartWorker({"hold"});
  ASSERT_TRUE(Connected(1));
  const std::vector<std::string> ids = CreateMany("shared", "work", 50);
  for (const std::string& id : ids) ASSERT_TRUE(Becomes(id, v1::DISPATCHED));
  ChildProcess works = StartWorker({});
  ASSERT_TRUE(Connected(2));
  for (const std::string& id : ids) ASSERT_EQ(Get(id).state(), v1::DISPATCHED);

  holds.Kill();
  const std::string expected = "{\"pid\":" + std::to_string(works.pid()) + "}";
  for (const std::string& id : ids) {
    ASSERT_TRUE(Becomes(id, v1::COMPLETED)) << Get(id).waiting_for();
    const v1::Execution execution = Get(id);
    EXPECT_EQ(execution.outcome().outputs(), expected);
    ASSERT_GE(execution.attempts_size(), 1);
    EXPECT_EQ(execution.attempts(0).outcome(), v1::Attempt::WORKER_LOST);
  }
}

}  // namespace
}  // namespace mesg::testing
