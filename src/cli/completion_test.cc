#include "cli/completion.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/command.h"

namespace mesg::cli {
namespace {

/// What bash offers behind these words.
std::string Offered(const std::string& words) {
  const std::string file = testing::TempDir() + "completion_" + std::to_string(getpid()) + ".bash";
  std::ofstream(file)
      << *CompletionScript("bash")
      << "\nmesg() { case $1 in __services) echo webhook http ;; __applications) echo alerts ;; "
         "__secrets) echo smtp_password ;; esac; }\nCOMP_WORDS=(mesg "
      << words << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_mesg\necho \"${COMPREPLY[@]}\"\n";
  FILE* pipe = popen(("bash " + file + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  std::string out;
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
  EXPECT_EQ(pclose(pipe), 0);
  std::filesystem::remove(file);
  return out;
}

TEST(CompletionTest, BashOffersCommandsThenTheirOptions) {
  EXPECT_EQ(Offered("serv"), "service\n");
  EXPECT_EQ(Offered("service de"), "deploy dev delete\n");
  EXPECT_EQ(Offered("service deploy --env"), "--env --env-file\n");
  EXPECT_EQ(Offered("--json service delete --ke"), "--keep-data\n");
}

TEST(CompletionTest, BashOffersNamesOfServices) {
  EXPECT_EQ(Offered("service show we"), "webhook\n");
  EXPECT_EQ(Offered("execution create htt"), "http\n");
}

TEST(CompletionTest, BashOffersNamesOfApplicationsAndSecrets) {
  EXPECT_EQ(Offered("app show al"), "alerts\n");
  EXPECT_EQ(Offered("secret rm sm"), "smtp_password\n");
  EXPECT_EQ(Offered("secret s"), "set\n");
}

TEST(CompletionTest, EveryShellsScriptKnowsEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = CompletionScript(shell);
    ASSERT_TRUE(script);
    for (const CommandGroup& group : AllCommands()) {
      for (const Command& command : group.commands) {
        const bool there = script->find(fmt::format("'{}", command.path)) != std::string::npos ||
                           script->find(fmt::format(" {}'", command.path)) != std::string::npos ||
                           script->find(fmt::format("at {}'", command.path)) != std::string::npos;
        EXPECT_EQ(there, !command.hidden) << shell << ": " << command.path;
      }
    }
  }
}

TEST(CompletionTest, AnotherShellIsRefused) {
  EXPECT_EQ(CompletionScript("tcsh").error().message,
            "the shell must be bash, zsh or fish, got \"tcsh\"");
}

}  // namespace
}  // namespace mesg::cli
