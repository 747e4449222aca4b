#include "api/grpc/errors.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "google/rpc/error_details.pb.h"

namespace mesg::api {
namespace {

google::rpc::BadRequest BadRequestOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::BadRequest bad;
  for (const auto& detail : details.details()) detail.UnpackTo(&bad);
  return bad;
}

TEST(ErrorsTest, AStatusCarriesCodeReasonAndFields) {
  Error error = InvalidArgument("two things are wrong").Because("WRONG");
  error.violations = {{"a[0].b", "expected a Number"}, {"c", "missing"}};
  const grpc::Status status = ToStatus(error);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "two things are wrong");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), "two things are wrong");
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "WRONG");
  EXPECT_EQ(info.domain(), "mesg");
  const auto bad = BadRequestOf(status);
  ASSERT_EQ(bad.field_violations_size(), 2);
  EXPECT_EQ(bad.field_violations(0).field(), "a[0].b");
  EXPECT_EQ(bad.field_violations(1).description(), "missing");
}

TEST(ErrorsTest, ALargeErrorFitsIntoTrailersAndSaysHowMuchIsLeftOut) {
  Error error = InvalidArgument("{}", std::string(20'000, 'm'));
  for (int i = 0; i < 100; ++i) {
    error.violations.push_back({fmt::format("items[{}]", i), std::string(500, 'r')});
  }
  const grpc::Status status = ToStatus(error);
  EXPECT_LE(status.error_message().size() * 3 + status.error_details().size() * 4 / 3, 8'000U);
  const auto bad = BadRequestOf(status);
  const auto& last = bad.field_violations(bad.field_violations_size() - 1);
  EXPECT_EQ(last.description(),
            fmt::format("and {} more", 100 - (bad.field_violations_size() - 1)));
}

TEST(ErrorsTest, OneHugeViolationIsCutBetweenCharacters) {
  Error error = InvalidArgument("long");
  std::string path;
  for (int i = 0; i < 5'000; ++i) path += "é";
  error.violations = {{path, "too long"}};
  const auto bad = BadRequestOf(ToStatus(error));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_TRUE(IsUtf8(bad.field_violations(0).field()));
  EXPECT_LE(bad.field_violations(0).field().size(), 800U);
}

TEST(ErrorsTest, TextOfUsersIsMadeValid) {
  EXPECT_EQ(ToUtf8("fine é"), "fine é");
  EXPECT_EQ(ToUtf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(ToUtf8("\xC3"), "\xEF\xBF\xBD");
  EXPECT_EQ(ToUtf8("é\xC3\x28é"), "é\xEF\xBF\xBD(é");
  EXPECT_EQ(ToStatus(NotFound("no \xFF")).error_message(), "no \xEF\xBF\xBD");
}

TEST(ErrorsTest, AnErrorInsideAStreamIsWhole) {
  Error error = InvalidArgument("{}", std::string(5'000, 'm')).Because("WHY");
  for (int i = 0; i < 50; ++i) error.violations.push_back({"f", std::string(200, 'r')});
  v1::CallError wire;
  ToWire(error, wire);
  EXPECT_EQ(wire.code(), 3);
  EXPECT_EQ(wire.reason(), "WHY");
  EXPECT_EQ(wire.message().size(), 5'000U);
  EXPECT_EQ(wire.violations_size(), 50);
}

}  // namespace
}  // namespace mesg::api
