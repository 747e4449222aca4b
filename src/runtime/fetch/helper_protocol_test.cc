#include "runtime/fetch/helper_protocol.h"

#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

TEST(HelperProtocolTest, RequestsAreReadBack) {
  const HelperRequest request{
      HelperRequest::Task::kClone, "https://host/\"x\"", "v1\n", "/a b", {1, 2, 3, 4}};
  const std::string line = Encode(request);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto again = DecodeHelperRequest(line).value();
  EXPECT_EQ(again.task, request.task);
  EXPECT_EQ(again.from, request.from);
  EXPECT_EQ(again.ref, request.ref);
  EXPECT_EQ(again.into, request.into);
  EXPECT_EQ(Encode(again), line);
}

TEST(HelperProtocolTest, MessagesAreReadBack) {
  const auto progress =
      DecodeHelperMessage(Encode(HelperMessage(HelperProgress{"50 \"%\""}))).value();
  EXPECT_EQ(std::get<HelperProgress>(progress).text, "50 \"%\"");
  const auto done = DecodeHelperMessage(Encode(HelperMessage(HelperDone{"abc"}))).value();
  EXPECT_EQ(std::get<HelperDone>(done).commit, "abc");
  const auto error = DecodeHelperMessage(Encode(HelperMessage(NotFound("no {}", "x")))).value();
  EXPECT_EQ(std::get<Error>(error), NotFound("no x"));
}

TEST(HelperProtocolTest, RefusesOtherText) {
  for (const char* line :
       {"", "x", "{}", "[]", "null", R"({"done":false,"commit":""})", R"({"done":true})",
        R"({"error":"x"})", R"({"error":"x","code":0})", R"({"error":"x","code":17})",
        R"({"error":"x","code":-1})", R"({"progress":7})", "{\"progress\":\"x\""}) {
    const auto message = DecodeHelperMessage(line);
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(DecodeHelperRequest(line)) << line;
  }
  EXPECT_FALSE(DecodeHelperRequest(R"({"do":"format","from":"","ref":"","into":"","max_bytes":1,)"
                                   R"("max_archive_bytes":1,"max_files":1,"max_path":1})"));
}

}  // namespace
}  // namespace mesg::runtime
