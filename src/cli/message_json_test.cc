#include "cli/message_json.h"

#include <gtest/gtest.h>

#include "mesg/v1/events.pb.h"
#include "mesg/v1/services.pb.h"

namespace mesg::cli {
namespace {

namespace v1 = ::mesg::v1;

TEST(MessageJsonTest, DataIsEmbeddedAsItIsWithoutBlanks) {
  v1::Event event;
  event.set_position("7");
  event.set_data("{ \"amount\": 123456789012345678901234567890 }\n");
  event.set_recorded_us(1'700'000'000'000'000);
  EXPECT_EQ(MessageToJson(event),
            R"({"position":"7","id":"","key":"","data":{"amount":123456789012345678901234567890},)"
            R"("time_us":0,"recorded_us":1700000000000000,"traceparent":""})");
}

TEST(MessageJsonTest, EnumsListsAndMapsAreReadable) {
  v1::Execution execution;
  execution.set_state(v1::OUTCOME_UNKNOWN);
  execution.add_tags("a\"b");
  execution.add_attempts()->set_outcome(v1::Attempt::WORKER_LOST);
  execution.mutable_retry()->set_factor(2.5);
  const std::string json = MessageToJson(execution);
  EXPECT_NE(json.find(R"("state":"OUTCOME_UNKNOWN")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("tags":["a\"b"])"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("outcome":"WORKER_LOST")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("factor":2.5)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("inputs":null)"), std::string::npos) << json;
  EXPECT_EQ(json.find("\"source\""), std::string::npos) << "a message that is not set: " << json;
  v1::GetEnvironmentResponse environment;
  (*environment.mutable_env())["B"] = "2";
  (*environment.mutable_env())["A"] = "1";
  EXPECT_EQ(MessageToJson(environment), R"({"env":{"A":"1","B":"2"},"folder":""})");
}

TEST(MessageJsonTest, ALogLineIsTextEvenWhenItReadsAsJson) {
  v1::ServiceLogsResponse::Line line;
  line.set_text("12\xff");
  EXPECT_EQ(MessageToJson(line),
            "{\"time_us\":0,\"error\":false,\"text\":\"12\uFFFD\",\"core\":false}");
}

TEST(MessageJsonTest, OnlyTheChosenOneOfAChoiceIsThere) {
  v1::Item item;
  item.mutable_event()->set_key("paid");
  EXPECT_TRUE(MessageToJson(item).starts_with(R"({"event":{)"));
}

}  // namespace
}  // namespace mesg::cli
