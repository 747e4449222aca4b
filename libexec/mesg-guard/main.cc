// mesg-guard FOLDER: waits until the other end of its standard input is closed, which the kernel
// does when Core ends, however it ends; then ends every session that is noted in FOLDER.
//
// It must not end with Core, so it takes no notice of the signals that end Core and its terminal.

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include <signal.h>
#include <unistd.h>

#include "runtime/process/run_records.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: mesg-guard FOLDER (started by Core, not by hand)\n", stderr);
    return 2;
  }
  for (const int ignored : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) signal(ignored, SIG_IGN);
  std::array<char, 64> buffer;
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count == 0) break;
    if (count < 0 && errno != EINTR) return 1;
  }
  mesg::runtime::RunRecords::Sweep(argv[1]);
  return 0;
}
