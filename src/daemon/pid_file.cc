#include "daemon/pid_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <sys/types.h>
#include <unistd.h>

namespace mesg::daemon {

Result<PidFile> PidFile::Write(std::filesystem::path file) {
  std::ofstream out(file, std::ios::trunc);
  out << getpid() << '\n';
  out.close();
  if (!out) return FailedPrecondition("cannot write {}: {}", file.string(), std::strerror(errno));
  return PidFile(std::move(file));
}

PidFile::~PidFile() {
  if (file_.empty()) return;
  pid_t pid = 0;
  std::ifstream(file_) >> pid;
  if (pid != getpid()) return;  // The next Core's already.
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

}  // namespace mesg::daemon
