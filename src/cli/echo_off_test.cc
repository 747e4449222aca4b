#include "cli/echo_off.h"

#include <optional>

#include <gtest/gtest.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

namespace mesg::cli {
namespace {

class EchoOffTest : public testing::Test {
 protected:
  EchoOffTest() { EXPECT_EQ(openpty(&person_, &terminal_, nullptr, nullptr, nullptr), 0); }
  ~EchoOffTest() override {
    close(person_);
    close(terminal_);
  }
  bool Echoes() const {
    termios now{};
    EXPECT_EQ(tcgetattr(terminal_, &now), 0);
    return (now.c_lflag & ECHO) != 0;
  }
  std::string Typed(const std::string& keys) const {
    EXPECT_EQ(write(person_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    char line[64] = {};
    const ssize_t size = read(terminal_, line, sizeof line);
    return {line, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  int person_ = -1;
  int terminal_ = -1;
};

TEST_F(EchoOffTest, TheEchoIsOffUntilItGoes) {
  ASSERT_TRUE(Echoes());
  {
    const EchoOff off = EchoOff::Of(terminal_).value();
    EXPECT_FALSE(Echoes());
    EXPECT_EQ(Typed("word\n"), "word\n");
  }
  EXPECT_TRUE(Echoes());
}

TEST_F(EchoOffTest, AnInterruptEndsTheLine) {
  const EchoOff off = EchoOff::Of(terminal_).value();
  EXPECT_EQ(Typed("wo\x03"), "wo\x03");
}

TEST_F(EchoOffTest, WhatIsNoTerminalStaysAsItIs) {
  int ends[2] = {};
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_TRUE(EchoOff::Of(ends[0]));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace mesg::cli
