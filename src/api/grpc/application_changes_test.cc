#include "api/grpc/application_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::api {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr const char* kFile = R"(
name: alerts
inputs: { limit: { type: Number }, old: { type: Number } }
services: { chain: { use: ethereum }, mail: { use: email } }
events: { told: { data: { to: { type: String } } } }
workflows:
  alert: { on: chain.transfer, steps: [ { stop: {} } ] }
)";

engine::Application Of(const char* text) {
  engine::Application application;
  application.name = "alerts";
  application.text = text;
  return application;
}

TEST(ChangesOfTest, OfAnApplicationThatIsNew) {
  EXPECT_THAT(ChangesOf(nullptr, Of(kFile)),
              ElementsAre("application alerts is new", "workflow alert is new"));
}

TEST(ChangesOfTest, LayoutAndCommentsAreNoChange) {
  const engine::Application before = Of(kFile);
  const engine::Application after = Of(R"(# the same
name: alerts
inputs:
  limit:
    type: Number
  old: { type: Number }
services:
  chain: { use: "ethereum" }   # but written differently
  mail: { use: email }
events: { told: { data: { to: { type: String } } } }
workflows: { alert: { on: chain.transfer, steps: [ { stop: {} } ] } }
)");
  EXPECT_THAT(ChangesOf(&before, after), ElementsAre());
}

TEST(ChangesOfTest, EachThingWithANameIsToldByItself) {
  const engine::Application before = Of(kFile);
  const engine::Application after = Of(R"(
name: alerts
description: Now with one
inputs: { limit: { type: String }, wallet: { type: String } }
services: { chain: { use: ethereum }, mail: { use: smtp } }
workflows:
  alert: { on: chain.transfer, steps: [ { fail: no } ] }
  other: { on: { manual: {} }, steps: [ { stop: {} } ] }
)");
  EXPECT_THAT(
      ChangesOf(&before, after),
      UnorderedElementsAre("description is new", "declaration of input limit is changed",
                           "declaration of input old is gone", "declaration of input wallet is new",
                           "declaration of service mail is changed", "event told is gone",
                           "workflow alert is changed", "workflow other is new"));
}

TEST(ChangesOfTest, ValuesAreShownButNotThoseOfVariables) {
  engine::Application before = Of(kFile);
  before.inputs = {{"limit", "1"}};
  before.services = {{"chain", "aaa"}};
  before.env = {{"PASSWORD", "secret"}};
  engine::Application after = Of(kFile);
  after.inputs = {{"limit", "2"}};
  after.services = {{"chain", "bbb"}};
  after.env = {{"PASSWORD", "other"}};
  EXPECT_THAT(
      ChangesOf(&before, after),
      UnorderedElementsAre("input limit is changed: 1 -> 2", "service chain is changed: aaa -> bbb",
                           "variable PASSWORD is changed"));
}

}  // namespace
}  // namespace mesg::api
