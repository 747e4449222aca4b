#include "runtime/process/run_records.h"

#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/process_table.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

struct Record {
  pid_t pid = 0;
  std::uint64_t start = 0;
  std::string boot;
  std::string token_hash;  ///< Hex SHA-256 of "MESG_TOKEN=..."; "-" when it has none.
};

std::optional<Record> ReadRecord(const fs::path& file) {
  std::ifstream in(file);
  Record record;
  if (!(in >> record.pid >> record.start >> record.boot >> record.token_hash)) return std::nullopt;
  if (record.pid <= 1) return std::nullopt;
  return record;
}

/// Ends what is left of the session that `record` describes, and nothing else.
bool EndSession(const Record& record) {
  if (record.boot != BootId()) return false;
  const auto leader = ReadProcess(record.pid);
  if (leader && leader->start != record.start) return false;  // The pid passed to another program.
  if (leader) return SignalSession(record.pid, SIGKILL) > 0;
  bool found = false;
  for (const ProcessInfo& member : SessionMembers(record.pid)) {
    if (!HasEnvironmentEntry(member.pid, record.token_hash)) continue;
    kill(member.pid, SIGKILL);
    found = true;
  }
  return found;
}

std::string OwnerName(pid_t pid, std::uint64_t start) { return fmt::format("{}-{}", pid, start); }

bool OwnerAlive(const std::string& name) {
  pid_t pid = 0;
  std::uint64_t start = 0;
  char dash = 0;
  std::istringstream in(name);
  if (!(in >> pid >> dash >> start) || dash != '-') return false;
  const auto process = ReadProcess(pid);
  return process && process->start == start && process->state != 'Z';
}

}  // namespace

Result<RunRecords> RunRecords::Open(const fs::path& root) {
  const auto self = ReadProcess(getpid());
  if (!self) return Internal("cannot read /proc/{}/stat: is /proc mounted?", getpid());
  fs::path folder = root / OwnerName(self->pid, self->start);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Unavailable("cannot make the folder {}: {}", folder.string(), error.message());
  return RunRecords(root, std::move(folder));
}

Result<void> RunRecords::Add(const std::string& name, pid_t pid, const Environment& env) const {
  const auto process = ReadProcess(pid);
  if (!process) return NotFound("process {} is gone", pid);
  const auto token = env.find("MESG_TOKEN");
  const std::string hash = token == env.end() ? "-" : ToHex(Sha256("MESG_TOKEN=" + token->second));
  const fs::path temporary = folder_ / ("." + name);
  std::ofstream out(temporary, std::ios::trunc);
  out << pid << ' ' << process->start << ' ' << BootId() << ' ' << hash << '\n';
  out.close();
  std::error_code error;
  if (out) fs::rename(temporary, folder_ / name, error);
  if (!out || error) {
    return Unavailable("cannot note the process of {} in {}", name, folder_.string());
  }
  return {};
}

void RunRecords::Remove(const std::string& name) const {
  std::error_code ignored;
  fs::remove(folder_ / name, ignored);
}

std::vector<std::string> RunRecords::Sweep(const fs::path& folder) {
  std::vector<std::string> survivors;
  std::map<fs::path, Record> records;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (const auto record = ReadRecord(entry.path())) records.emplace(entry.path(), *record);
  }
  for (const auto& [file, record] : records) {
    if (!EndSession(record)) continue;
    survivors.push_back(file.filename().string());
    // A member may have forked while it was being ended: repeat until nobody is left.
    for (int round = 0; round < 200 && EndSession(record); ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  fs::remove_all(folder, ignored);
  return survivors;
}

std::vector<std::string> RunRecords::SweepOthers() const {
  std::vector<std::string> survivors;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root_, ignored)) {
    if (entry.path() == folder_ || OwnerAlive(entry.path().filename().string())) continue;
    const auto found = Sweep(entry.path());
    survivors.insert(survivors.end(), found.begin(), found.end());
  }
  return survivors;
}

}  // namespace mesg::runtime
