#include "runtime/process/process_table.h"

#include <charconv>
#include <fstream>
#include <memory>
#include <sstream>

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/unique_fd.h"

namespace mesg::runtime {
namespace {

/// What could be read: a process may end while its file is open, which an iterator over the
/// stream's buffer would report by throwing.
std::string ReadAll(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

template <typename Number>
bool ToNumber(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<ProcessInfo> ParseProcessStat(std::string_view line) {
  // "PID (NAME) STATE ...": the name may hold spaces and parentheses, so look from its end.
  const auto space = line.find(' ');
  const auto close = line.rfind(") ");
  if (space == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  ProcessInfo info;
  if (!ToNumber(line.substr(0, space), info.pid)) return std::nullopt;
  std::string_view rest = line.substr(close + 2);
  // Numbers as in proc(5): the state is field 3.
  constexpr int kState = 3, kGroup = 5, kSession = 6, kStart = 22;
  for (int field = kState; field <= kStart; ++field) {
    const auto end = rest.find_first_of(" \n");
    const std::string_view value = rest.substr(0, end);
    bool good = !value.empty();
    if (field == kState && good) info.state = value.front();
    if (field == kGroup) good = ToNumber(value, info.group);
    if (field == kSession) good = ToNumber(value, info.session);
    if (field == kStart) good = ToNumber(value, info.start);
    if (!good) return std::nullopt;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return info;
}

std::optional<ProcessInfo> ReadProcess(pid_t pid) {
  return ParseProcessStat(ReadAll("/proc/" + std::to_string(pid) + "/stat"));
}

std::vector<ProcessInfo> SessionMembers(pid_t session) {
  std::vector<ProcessInfo> members;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), closedir);
  if (!folder) return members;
  while (const dirent* entry = readdir(folder.get())) {
    pid_t pid = 0;
    if (!ToNumber(std::string_view(entry->d_name), pid)) continue;
    const auto info = ReadProcess(pid);
    if (info && info->session == session && info->state != 'Z') members.push_back(*info);
  }
  return members;
}

int SignalSession(pid_t session, int signal) {
  if (session <= 1) return 0;
  const std::vector<ProcessInfo> members = SessionMembers(session);
  if (members.empty()) return 0;
  kill(-session, signal);
  for (const ProcessInfo& member : members) {
    if (member.group == session) continue;
    // Through a descriptor: the pid could have passed to a stranger since it was read.
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, member.pid, 0U)));
    const auto now = ReadProcess(member.pid);
    if (pidfd && now && now->start == member.start) {
      syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0U);
    }
  }
  return static_cast<int>(members.size());
}

bool HasEnvironmentEntry(pid_t pid, std::string_view entry_hash) {
  const std::string all = ReadAll("/proc/" + std::to_string(pid) + "/environ");
  std::string_view rest = all;
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    if (ToHex(Sha256(rest.substr(0, end))) == entry_hash) return true;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return false;
}

std::string BootId() {
  std::string id = ReadAll("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace mesg::runtime
