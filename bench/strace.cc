#include "strace.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace mesg::bench {

Strace::Strace() : log_((std::filesystem::temp_directory_path() / "mesg-strace-XXXXXX").string()) {
  const int fd = mkstemp(log_.data());
  if (fd >= 0) close(fd);
}

Strace::~Strace() {
  std::error_code ignored;
  std::filesystem::remove(log_, ignored);
}

std::vector<std::string> Strace::Wrapper() const {
  return {"strace", "-f", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", log_};
}

// A call that another thread interrupts is two lines, of which the second says "resumed".
std::uint64_t Strace::Count() const {
  std::ifstream file(log_);
  std::uint64_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find("sync(") != std::string::npos) ++count;
  }
  return count;
}

Result<void> Strace::Confirm(const CoreProcess& core,
                             const std::function<Result<void>()>& work) const {
  const std::uint64_t told_before = MESG_TRY(core.Fsyncs());
  const std::uint64_t seen_before = Count();
  MESG_TRY(work());
  const std::uint64_t told_after = MESG_TRY(core.Fsyncs());
  const std::uint64_t told = told_after - told_before;
  const std::uint64_t seen = Count() - seen_before;
  std::fprintf(stderr, "bench: fsyncs counted by Core %llu, by strace %llu\n",
               static_cast<unsigned long long>(told), static_cast<unsigned long long>(seen));
  const std::uint64_t difference = told > seen ? told - seen : seen - told;
  if (told == 0 || difference > told / 1'000 + 4) {
    return Internal("Core counted {} fsyncs, strace {}", told, seen);
  }
  return {};
}

}  // namespace mesg::bench
