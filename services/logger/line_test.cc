#include "logger/line.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesg/json.h"

namespace mesg::services::logger {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Line(const std::string& inputs, Format format = Format::kText) {
  const auto entry = ReadInputs(inputs);
  if (!entry) return entry.error().message;
  return WriteLine(*entry, format, ParseTime("2026-11-23T10:00:00Z").value());
}

TEST(LineTest, IsForPeopleOrForMachines) {
  const std::string inputs = R"({"message":"paid","level":"warn","data":{"n": 1}})";
  EXPECT_EQ(Line(inputs), "2026-11-23T10:00:00Z warn  paid {\"n\": 1}\n");
  EXPECT_EQ(Line(inputs, Format::kJson),
            R"({"time":"2026-11-23T10:00:00Z","level":"warn","message":"paid","data":{"n": 1}})"
            "\n");
  EXPECT_EQ(Line(R"({"message":"paid","level":null})"), "2026-11-23T10:00:00Z info  paid\n");
}

TEST(LineTest, IsOneLineWhateverIsInIt) {
  EXPECT_EQ(Line(R"({"message":"a\nb\u001b[2J\u009bc\u007f","data":"x\ny"})"),
            "2026-11-23T10:00:00Z info  a\\nb\\u001b[2J\\u009bc\\u007f \"x\\ny\"\n");
  const std::string json = Line("{\"message\":\"a\\nb\",\"data\":[1,\n2]}", Format::kJson);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
  EXPECT_TRUE(sdk::IsJson(json));
}

TEST(LineTest, IsNoLongerThanItMayBe) {
  const std::string message = R"({"message":")" + std::string(100'000, 'm') + "\"";
  const std::string data = R"(,"data":")" + std::string(100'000, 'd') + "\"}";
  EXPECT_LT(Line(message + data).size(), 42'000U);
  const std::string json = Line(message + data, Format::kJson);
  EXPECT_THAT(json, HasSubstr(R"("data_bytes":100002)"));
  EXPECT_THAT(json, Not(HasSubstr("ddd")));
  EXPECT_TRUE(sdk::IsJson(json));
}

TEST(LineTest, WhatIsNoLevelIsSaid) {
  EXPECT_EQ(Line(R"({"message":"a","level":"loud"})"),
            "level: expected debug, info, warn or error, got \"loud\"");
}

}  // namespace
}  // namespace mesg::services::logger
