#include "cli/port_owner.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

namespace mesg::cli {
namespace {

constexpr std::string_view kListening = "0A";

/// The inodes of the sockets that listen on `port`, from /proc/net/tcp or tcp6.
void CollectListeners(const char* table, int port, std::set<std::string>& inodes) {
  std::ifstream in(table);
  std::string line;
  std::getline(in, line);  // The headings.
  const std::string suffix = fmt::format(":{:04X}", port);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    if (state == kListening && local.ends_with(suffix)) inodes.insert(inode);
  }
}

bool HoldsSocket(const std::filesystem::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (std::filesystem::directory_iterator fd(process / "fd", error), end; !error && fd != end;
       fd.increment(error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(fd->path(), gone).string();
    if (!gone && target.starts_with("socket:[") &&
        inodes.contains(target.substr(8, target.size() - 9))) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string PortOwner(int port) {
  std::set<std::string> inodes;
  CollectListeners("/proc/net/tcp", port, inodes);
  CollectListeners("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return "";
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string pid = entry->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!HoldsSocket(entry->path(), inodes)) continue;
    std::string name;
    std::getline(std::ifstream(entry->path() / "comm") >> std::ws, name);
    return fmt::format("{} (process {})", name, pid);
  }
  return "another user's process";
}

}  // namespace mesg::cli
