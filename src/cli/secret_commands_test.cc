#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class SecretCommandsTest : public CommandLineTest {
 protected:
  static constexpr Terminal::Traits kOnTerminal = {.input_is_terminal = true,
                                                   .error_is_terminal = true};
  std::string Value() const { return core_.heard().secret.value(); }
};

TEST_F(SecretCommandsTest, InAPipeTheInputIsTheValue) {
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "hunter2\n"), 0) << err_;
  EXPECT_EQ(core_.heard().secret.name(), "smtp");
  EXPECT_EQ(Value(), "hunter2");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "two\nlines\r\n"), 0) << err_;
  EXPECT_EQ(Value(), "two\nlines");
}

TEST_F(SecretCommandsTest, OnATerminalTheValueIsAskedForAndNotRepeated) {
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "hunter2\nmore", kOnTerminal), 0) << err_;
  EXPECT_EQ(Value(), "hunter2");
  EXPECT_EQ(err_, "Value of smtp (not shown): \n✓ Secret smtp is set.\n");
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "hunter3\n", kOnTerminal), 0);
  EXPECT_THAT(err_, HasSubstr("✓ Secret smtp has a new value."));
}

TEST_F(SecretCommandsTest, AnInterruptedOrEndedOrTooLongAnswerSetsNothing) {
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "hun\x03", kOnTerminal), 1);
  EXPECT_THAT(err_, HasSubstr("nothing was done"));
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "hun", kOnTerminal), 1);
  EXPECT_THAT(err_, HasSubstr("the input ended"));
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, std::string(4095, 'x') + "\n", kOnTerminal), 1);
  EXPECT_THAT(err_, HasSubstr("take a file or a pipe"));
  EXPECT_TRUE(core_.heard().calls.empty());
}

TEST_F(SecretCommandsTest, AFileGivesAValueToo) {
  const std::string file = folder_ / "value";
  std::ofstream(file) << "from a file\n";
  EXPECT_EQ(Mesg({"secret", "set", "smtp", "--from-file", file}, "", kOnTerminal), 0) << err_;
  EXPECT_EQ(Value(), "from a file");
  EXPECT_EQ(Mesg({"secret", "set", "smtp", "--from-file", "-"}, "from the input"), 0);
  EXPECT_EQ(Value(), "from the input");
  EXPECT_EQ(Mesg({"secret", "set", "smtp", "--from-file", file + ".missing"}), 1);
  EXPECT_THAT(err_, HasSubstr("value.missing"));
}

// What was typed must not be shown once more, in a terminal's log or a bug report.
TEST_F(SecretCommandsTest, AValueAsAnArgumentIsRefusedWithWhatToDoAndNotRepeated) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"secret", "set", "smtp", "hunter2"},
                                             {"secret", "set", "smtp", "hunter2", "hunter2"},
                                             {"secret", "set", "smtp=hunter2"},
                                             {"secret", "set", "smtp", "--value", "hunter2"},
                                             {"secret", "set", "smtp", "--value=hunter2"}}) {
    EXPECT_EQ(Mesg(words, "piped"), 2);
    EXPECT_THAT(err_, Not(HasSubstr("hunter2")));
  }
  EXPECT_EQ(Mesg({"secret", "set", "smtp", "hunter2"}), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("never an argument"), HasSubstr("--from-file")));
  EXPECT_TRUE(core_.heard().calls.empty());
  EXPECT_EQ(Mesg({"secret", "set", "--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("mesg secret set NAME [options]"), Not(HasSubstr("VALUE"))));
}

TEST_F(SecretCommandsTest, TheListHasNamesAndTimes) {
  v1::Secret& secret = *core_.script.secrets.add_secrets();
  secret.set_name("smtp");
  secret.set_created_us(ToMicros(ManualClock().Now()) - 3'600'000'000);
  secret.set_updated_us(secret.created_us());
  *core_.script.secrets.add_secrets() = secret;
  core_.script.secrets.mutable_secrets(1)->set_name("zone");
  core_.script.secrets.mutable_secrets(1)->set_updated_us(ToMicros(ManualClock().Now()));
  EXPECT_EQ(Mesg({"secret", "list"}), 0) << err_;
  EXPECT_EQ(out_,
            "NAME  SET         CHANGED\n"
            "smtp  1 hour ago  -\n"
            "zone  1 hour ago  just now\n");
  EXPECT_EQ(Mesg({"secret", "list", "--json"}), 0);
  EXPECT_THAT(out_, HasSubstr(R"({"secrets":[{"name":"smtp","created_us":)"));
}

TEST_F(SecretCommandsTest, CompletionGetsTheNames) {
  core_.script.secrets.add_secrets()->set_name("api");
  core_.script.secrets.add_secrets()->set_name("smtp");
  EXPECT_EQ(Mesg({"__secrets"}), 0);
  EXPECT_EQ(out_, "api\nsmtp\n");
}

TEST_F(SecretCommandsTest, MachinesGetJson) {
  EXPECT_EQ(Mesg({"secret", "set", "smtp", "--json"}, "hunter2"), 0);
  EXPECT_EQ(out_, R"({"secret":{"name":"smtp","created_us":0,"updated_us":0},"created":true})"
                  "\n");
  EXPECT_EQ(Mesg({"secret", "rm", "smtp", "--json"}), 0);
  EXPECT_EQ(out_, "{\"removed\":\"smtp\"}\n");
}

TEST_F(SecretCommandsTest, WhatCoreRefusesIsShown) {
  EXPECT_EQ(Mesg({"secret", "rm", "smtp"}), 0);
  EXPECT_THAT(err_, HasSubstr("Secret smtp is removed"));
  EXPECT_EQ(core_.heard().calls.back(), "RemoveSecret smtp");
  core_.Refuse("RemoveSecret smtp", NotFound("there is no secret smtp"));
  EXPECT_EQ(Mesg({"secret", "rm", "smtp"}), 1);
  EXPECT_EQ(err_, "mesg: there is no secret smtp\n");
  core_.Refuse("SetSecret", ResourceExhausted("full"));
  EXPECT_EQ(Mesg({"secret", "set", "smtp"}, "v"), 1);
  EXPECT_EQ(Mesg({"secret", "rm"}), 2);
}

}  // namespace
}  // namespace mesg::cli
