#include "base/directories.h"

#include <map>

#include <gtest/gtest.h>

namespace mesg {
namespace {

Directories::Environment Having(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::string Shown(const Result<Directories>& directories) {
  if (!directories) return directories.error().message;
  return directories->config_file.string() + " " + directories->data.string() + " " +
         directories->state.string() + " " + directories->runtime.string();
}

TEST(DirectoriesTest, MesgHomeMovesThemAll) {
  EXPECT_EQ(Shown(Directories::Find(Having(
                {{"MESG_HOME", "/srv/mesg/"}, {"HOME", "/home/eve"}, {"XDG_DATA_HOME", "/data"}}))),
            "/srv/mesg/config.yml /srv/mesg/data /srv/mesg/state /srv/mesg/run");
}

TEST(DirectoriesTest, WithoutAnythingTheyLieBelowHome) {
  EXPECT_EQ(
      Shown(Directories::Find(Having({{"HOME", "/home/eve"}, {"MESG_HOME", ""}}))),
      "/home/eve/.config/mesg/config.yml /home/eve/.local/share/mesg /home/eve/.local/state/mesg "
      "/home/eve/.local/state/mesg/run");
}

TEST(DirectoriesTest, XdgVariablesCountOneByOne) {
  EXPECT_EQ(Shown(Directories::Find(Having({{"HOME", "/home/eve"},
                                            {"XDG_CONFIG_HOME", "/c"},
                                            {"XDG_STATE_HOME", "/s"},
                                            {"XDG_RUNTIME_DIR", "/run/user/7"}}))),
            "/c/mesg/config.yml /home/eve/.local/share/mesg /s/mesg /run/user/7/mesg");
}

TEST(DirectoriesTest, ARelativeXdgPathIsIgnored) {
  EXPECT_EQ(
      Shown(Directories::Find(Having({{"HOME", "/home/eve"}, {"XDG_DATA_HOME", "data"}}))),
      "/home/eve/.config/mesg/config.yml /home/eve/.local/share/mesg /home/eve/.local/state/mesg "
      "/home/eve/.local/state/mesg/run");
}

TEST(DirectoriesTest, ARelativeMesgHomeIsRefused) {
  EXPECT_EQ(Shown(Directories::Find(Having({{"MESG_HOME", "here"}}))),
            "MESG_HOME is \"here\", it must be an absolute path");
}

TEST(DirectoriesTest, NoHomeAtAllSaysWhatToSet) {
  EXPECT_EQ(Shown(Directories::Find(Having({}))),
            "neither MESG_HOME, XDG_CONFIG_HOME nor HOME is set to an absolute path: set MESG_HOME "
            "to the "
            "folder where MESG may keep its files");
}

TEST(DirectoriesTest, LogAndPidLieInTheStateDirectory) {
  const auto found = Directories::Find(Having({{"MESG_HOME", "/m"}}));
  EXPECT_EQ(found->LogFile(), "/m/state/core.log");
  EXPECT_EQ(found->PidFile(), "/m/state/core.pid");
}

}  // namespace
}  // namespace mesg
