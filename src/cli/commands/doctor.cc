#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/encoding.h"
#include "cli/commands/core.h"
#include "cli/context.h"
#include "cli/endpoint.h"
#include "cli/human.h"
#include "cli/installation.h"
#include "cli/json_text.h"
#include "cli/port_owner.h"

namespace mesg::cli {
namespace {

enum class Verdict { kOk, kWarning, kProblem };

struct Finding {
  Verdict verdict = Verdict::kOk;
  std::string what;
  std::string remedy = {};  ///< What to do; empty when all is well.
};

/// What the checks share, so that Core is asked once.
struct Patient {
  Context& context;
  Directories directories;
  Result<v1::StatusResponse> status;
};

Finding CheckCore(const Patient& patient) {
  const std::string& endpoint = patient.context.endpoint();
  if (patient.status) {
    if (!patient.status->ready()) {
      return {Verdict::kWarning, fmt::format("answers at {} but is not ready", endpoint),
              "see `mesg logs`"};
    }
    return {Verdict::kOk,
            fmt::format("ready at {}, version {}", endpoint, patient.status->version())};
  }
  const std::string owner = IsLoopback(endpoint) ? PortOwner(PortOf(endpoint)) : "";
  if (owner.empty()) {
    return {Verdict::kProblem, fmt::format("not running at {}", endpoint),
            "start it with `mesg start`"};
  }
  return {Verdict::kProblem, fmt::format("{} is taken by {}, which is no Core", endpoint, owner),
          "end that program, or give Core another address with MESG_GRPC_ADDRESS"};
}

Finding CheckData(const Patient& patient) {
  std::filesystem::path folder = patient.directories.data;
  if (patient.status && IsLoopback(patient.context.endpoint()))
    folder = patient.status->data_directory();
  // A folder that does not exist yet is made below its nearest parent.
  std::filesystem::path existing = folder;
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  if (access(existing.c_str(), W_OK | X_OK) != 0) {
    return {Verdict::kProblem, fmt::format("{} cannot be written", existing.string()),
            "give it to the user who runs Core, or set MESG_HOME"};
  }
  return {Verdict::kOk, fmt::format("{} can be written", folder.string())};
}

Finding CheckDisk(const Patient& patient) {
  std::filesystem::path existing = patient.directories.data;
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statvfs disk {};
  if (statvfs(existing.c_str(), &disk) != 0) {
    return {Verdict::kWarning, fmt::format("cannot tell for {}", existing.string()),
            "look at `df`"};
  }
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::string what = fmt::format("{} free for the data directory", HumanBytes(free));
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  if (free < kGiB / 4) {
    return {Verdict::kProblem, what, "free some space: a full disk stops Core"};
  }
  if (free < kGiB)
    return {Verdict::kWarning, what, "free some space, or shorten the retention of events"};
  return {Verdict::kOk, what};
}

/// The first line a program prints; "" when it cannot be run.
std::string FirstLine(const char* command) {
  FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return "";
  std::array<char, 256> line{};
  const bool got = fgets(line.data(), line.size(), pipe) != nullptr;
  const int status = pclose(pipe);
  std::string text = got && status == 0 ? line.data() : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

Finding CheckNode(const Patient&) {
  const std::string version = FirstLine("node --version 2>/dev/null");
  if (version.empty()) {
    return {Verdict::kWarning, "not found: services in JavaScript cannot run",
            "apt-get install nodejs"};
  }
  if (std::atoi(version.c_str() + 1) < 18) {
    return {Verdict::kWarning, version + " is older than 18", "install Node.js 18 or later"};
  }
  return {Verdict::kOk, version};
}

Finding CheckNpm(const Patient&) {
  const std::string version = FirstLine("npm --version 2>/dev/null");
  if (version.empty()) {
    return {Verdict::kWarning, "not found: services with a package.json cannot be installed",
            "apt-get install npm"};
  }
  return {Verdict::kOk, version};
}

Finding CheckHelpers(const Patient& patient) {
  std::string missing;
  for (const char* helper : kHelpers) {
    const auto found = FindHelper(patient.context.executable(), helper);
    if (!found) missing += std::string(missing.empty() ? "" : ", ") + helper;
  }
  if (missing.empty()) return {Verdict::kOk, "all there"};
  return {Verdict::kProblem, missing + " not found beside the program",
          "install MESG again, or build all of it"};
}

Finding CheckFiles(const Patient&) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return {Verdict::kWarning, "cannot tell", "see `ulimit -n`"};
  const std::string what = fmt::format("{} open files allowed", HumanCount(limit.rlim_cur));
  if (limit.rlim_cur < 4096) {
    return {Verdict::kWarning, what,
            limit.rlim_max >= 4096 ? "run `ulimit -n 65536` before `mesg start`"
                                   : "raise the limit in /etc/security/limits.conf"};
  }
  return {Verdict::kOk, what};
}

Finding CheckClock(const Patient& patient) {
  const TimePoint now = patient.context.Now();
  if (now < FromMicros(1'700'000'000'000'000)) {
    return {Verdict::kProblem, FormatTime(now) + " lies in the past",
            "set the clock, with `timedatectl` or ntp"};
  }
  if (patient.status && patient.status->started_us() > ToMicros(now) + 1'000'000) {
    return {Verdict::kWarning, "it is behind the time at which Core started",
            "the clock was set back: timers wait for the old time"};
  }
  return {Verdict::kOk, FormatTime(now).substr(0, 19) + "Z"};
}

struct Check {
  std::string_view name;
  Finding (*run)(const Patient&);
};
constexpr std::array<Check, 8> kChecks = {{{"Core", CheckCore},
                                           {"Data directory", CheckData},
                                           {"Disk", CheckDisk},
                                           {"Node.js", CheckNode},
                                           {"npm", CheckNpm},
                                           {"Helper programs", CheckHelpers},
                                           {"File descriptors", CheckFiles},
                                           {"Clock", CheckClock}}};

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kProblem:
      return "problem";
  }
  return "";
}

Style Colour(Verdict verdict) {
  return verdict == Verdict::kOk        ? Style::kGreen
         : verdict == Verdict::kWarning ? Style::kYellow
                                        : Style::kRed;
}

Result<int> RunDoctor(const Arguments&, Context& context) {
  const Patient patient{context, MESG_TRY(Directories::Find(context.environment())),
                        context.client().Status()};
  Terminal& terminal = context.terminal();
  bool problem = false;
  std::string json;
  for (const Check& check : kChecks) {
    const Finding finding = check.run(patient);
    problem = problem || finding.verdict == Verdict::kProblem;
    if (context.json()) {
      json +=
          (json.empty() ? "" : ",") + ToJsonObject({{"check", QuoteJson(check.name)},
                                                    {"verdict", QuoteJson(Name(finding.verdict))},
                                                    {"found", QuoteJson(finding.what)},
                                                    {"remedy", QuoteJson(finding.remedy)}});
      continue;
    }
    terminal.Print(fmt::format(
        "{}  {:<16}  {}",
        terminal.ForOutput(Colour(finding.verdict), fmt::format("{:<7}", Name(finding.verdict))),
        check.name, finding.what));
    if (!finding.remedy.empty()) terminal.Print(fmt::format("{:27}{}", "", finding.remedy));
  }
  if (context.json()) terminal.Print("{\"checks\":[" + json + "]}");
  return problem ? 1 : 0;
}

}  // namespace

Command DoctorCommand() {
  return {.path = "doctor",
          .summary = "Check what Core needs and say what to do about what is missing",
          .details = "Exits with 1 when something is a problem; a warning is none.",
          .example = "mesg doctor",
          .positionals = {},
          .options = {},
          .run = RunDoctor};
}

}  // namespace mesg::cli
