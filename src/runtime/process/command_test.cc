#include "runtime/process/command.h"

#include <thread>

#include <gtest/gtest.h>

#include "runtime/process/process_table.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

class CommandTest : public testing::Test {
 protected:
  CommandRequest Request(std::string script) {
    CommandRequest request;
    request.spawn.argv = {"sh", "-c", std::move(script)};
    request.spawn.env = {{"PATH", "/usr/bin:/bin"}};
    request.spawn.directory = "/";
    request.on_out = [this](const std::string& line) { out_ += line + "|"; };
    request.on_err = [this](const std::string& line) { err_ += line + "|"; };
    return request;
  }
  std::string out_, err_;
};

TEST_F(CommandTest, HandsOverInputAndBothOutputs) {
  CommandRequest request = Request("read a; echo got $a; echo bad >&2; printf rest; exit 4");
  request.input = "this\n";
  EXPECT_EQ(RunCommand(request, {})->code, 4);
  EXPECT_EQ(out_, "got this|rest|");
  EXPECT_EQ(err_, "bad|");
}

TEST_F(CommandTest, HandsOverALotOfOutput) {
  EXPECT_TRUE(RunCommand(Request("seq 200000"), {})->Succeeded());
  EXPECT_TRUE(out_.ends_with("|199999|200000|"));
}

TEST_F(CommandTest, EndsWhatTakesTooLong) {
  CommandRequest request = Request("trap '' TERM; echo $$; sleep 1000 & sleep 1000");
  request.timeout = std::chrono::milliseconds(300);
  const auto status = RunCommand(request, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDeadlineExceeded);
  EXPECT_TRUE(out_.empty() || SessionMembers(std::stoi(out_)).empty());
}

TEST_F(CommandTest, StopsOnRequest) {
  std::stop_source stop;
  CommandRequest request = Request("echo ready; sleep 1000");
  request.on_out = [&stop](const std::string&) { stop.request_stop(); };
  EXPECT_EQ(RunCommand(request, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(RunCommand(request, stop.get_token()).error().code, Code::kCancelled);
}

// npm's children may live on when it ends; they must not keep working in the folder.
TEST_F(CommandTest, LeavesNobodyBehind) {
  EXPECT_TRUE(RunCommand(Request("sleep 1000 & echo $$"), {})->Succeeded());
  EXPECT_TRUE(SessionMembers(std::stoi(out_)).empty());
}

TEST_F(CommandTest, IsNotedWhileItRuns) {
  const TemporaryFolder folder;
  const RunRecords records = RunRecords::Open(folder.path()).value();
  CommandRequest request = Request("echo now");
  request.records = &records;
  request.record_name = "npm";
  bool noted = false;
  request.on_out = [&](const std::string&) {
    noted = std::filesystem::exists(records.Folder() / "npm");
  };
  EXPECT_TRUE(RunCommand(request, {}));
  EXPECT_TRUE(noted);
  EXPECT_FALSE(std::filesystem::exists(records.Folder() / "npm"));
}

TEST_F(CommandTest, ErrorsOfTheStartAndOfTooMuchInput) {
  CommandRequest request = Request("true");
  request.input = std::string(40'000, 'x');
  EXPECT_EQ(RunCommand(request, {}).error().code, Code::kInvalidArgument);
  request.input.clear();
  request.spawn.argv = {"no-such-program"};
  EXPECT_EQ(RunCommand(request, {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace mesg::runtime
