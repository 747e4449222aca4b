#include "runtime/process/process_table.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/spawn.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

TEST(ParseProcessStatTest, ReadsNamesWithSpacesAndParentheses) {
  const auto info = ParseProcessStat(
      "42 (a) b (c) S 1 43 44 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 50\n");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->pid, 42);
  EXPECT_EQ(info->state, 'S');
  EXPECT_EQ(info->group, 43);
  EXPECT_EQ(info->session, 44);
  EXPECT_EQ(info->start, 987654U);
}

TEST(ParseProcessStatTest, RefusesWhatIsCutOrOther) {
  for (const char* line : {"", "42", "42 (a) S 1 2", "x (a) S 1 43 44", "42 (a) "}) {
    EXPECT_FALSE(ParseProcessStat(line)) << line;
  }
}

TEST(ReadProcessTest, KnowsItselfAndNobodyElse) {
  const auto self = ReadProcess(getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, getpid());
  EXPECT_GT(self->start, 0U);
  EXPECT_FALSE(ReadProcess(0));
}

TEST(SessionTest, ReachesProcessesThatMadeAGroupOfTheirOwn) {
  const TemporaryFolder folder;
  // `set -m` gives each background job its own process group within the session.
  const auto process = Spawn({.argv = {"bash", "-c", "set -m; sleep 1000 & sleep 1000 & wait"},
                              .env = InheritedEnvironment(),
                              .directory = folder.path()});
  ASSERT_TRUE(process);
  ASSERT_TRUE(Eventually([&] { return SessionMembers(process->pid).size() == 3; }));
  // A job is in the shell's group until one of the two has moved it.
  EXPECT_TRUE(Eventually([&] {
    const auto members = SessionMembers(process->pid);
    return std::ranges::count_if(members, [&](const ProcessInfo& member) {
             return member.group != process->pid;
           }) == 2;
  }));
  EXPECT_EQ(SignalSession(process->pid, SIGKILL), 3);
  EXPECT_TRUE(Eventually([&] { return SessionMembers(process->pid).empty(); }));
  Reap(*process);
  EXPECT_EQ(SignalSession(process->pid, SIGKILL), 0);
}

TEST(SessionTest, NeverSignalsTheSessionsOfTheSystem) {
  EXPECT_EQ(SignalSession(0, SIGKILL), 0);
  EXPECT_EQ(SignalSession(1, SIGKILL), 0);
  EXPECT_EQ(SignalSession(-5, SIGKILL), 0);
}

TEST(HasEnvironmentEntryTest, FindsTheEntryByItsHash) {
  const auto process = Spawn({.argv = {"sleep", "1000"},
                              .env = {{"PATH", "/usr/bin:/bin"}, {"MESG_TOKEN", "t"}},
                              .directory = "/"});
  ASSERT_TRUE(process);
  // The kernel shows the environment a moment after the program took over.
  EXPECT_TRUE(
      Eventually([&] { return HasEnvironmentEntry(process->pid, ToHex(Sha256("MESG_TOKEN=t"))); }));
  EXPECT_FALSE(HasEnvironmentEntry(process->pid, ToHex(Sha256("MESG_TOKEN=u"))));
  kill(process->pid, SIGKILL);
  Reap(*process);
}

}  // namespace
}  // namespace mesg::runtime
