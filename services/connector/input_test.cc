#include "connector/input.h"

#include <string>

#include <gtest/gtest.h>

namespace mesg::services {
namespace {

TEST(InputTest, ReadsEveryKindOfValue) {
  const Input all =
      Input::Read(R"({"t":"a\nü","n": -1.50 ,"b":true,"z":null,"l":[1,["x"]],"o":{"k":"v"}})")
          .value();
  EXPECT_EQ(all["t"].text, "a\nü");
  EXPECT_EQ(all["n"].text, "-1.50");
  EXPECT_TRUE(all["b"].IsTrue());
  EXPECT_TRUE(all["z"].IsNull());
  EXPECT_TRUE(all["none"].IsNull());
  EXPECT_EQ(all["l"].items.at(1).items.at(0).text, "x");
  EXPECT_EQ(all["o"].names.at(0), "k");
}

TEST(InputTest, SaysWhatWasExpected) {
  EXPECT_EQ(Input::Read("{\"a\":").error().message, "the inputs are not JSON");
  const Input some = Input::Read(R"({"n":12,"half":1.5,"l":[]})").value();
  EXPECT_EQ(some["n"].Whole("n", 0, 0, 12).value(), 12);
  EXPECT_EQ(some["none"].Whole("none", 7, 0, 12).value(), 7);
  EXPECT_EQ(some["half"].Whole("half", 0, 0, 12).error().message,
            "half: expected a whole number from 0 to 12, got 1.5");
  EXPECT_EQ(some["n"].Plain("n").value(), "12");
  EXPECT_EQ(some["l"].Plain("l").error().message, "l: expected text, a number or a boolean");
}

}  // namespace
}  // namespace mesg::services
