// mesg-fetch: reads what strangers wrote (archives, git, web servers) for Core, in a process whose
// memory, time and file size are limited. One JSON line comes in, lines go out, see
// src/runtime/fetch/helper_protocol.h.

#include <iostream>
#include <string>

#include <signal.h>
#include <unistd.h>

#include "tasks.h"

namespace mesg::fetch {
namespace {

Result<runtime::HelperDone> Perform(const runtime::HelperRequest& request, Report& report) {
  switch (request.task) {
    case runtime::HelperRequest::Task::kUnpack:
      return Unpack(request, report);
    case runtime::HelperRequest::Task::kClone:
      return Clone(request, report);
    case runtime::HelperRequest::Task::kDownload:
      return Download(request, report);
  }
  return InvalidArgument("no such task");
}

int Main() {
  signal(SIGXFSZ, SIG_IGN);  // A file that grows too large is an error to report, not a death.
  signal(SIGPIPE, SIG_IGN);
  std::string line;
  std::getline(std::cin, line);
  Report report;
  const auto request = runtime::DecodeHelperRequest(line);
  if (!request) {
    report.Finish(request.error());
    return 2;
  }
  const auto done = Perform(*request, report);
  if (!done) {
    report.Finish(done.error());
    return 1;
  }
  report.Finish(*done);
  return 0;
}

}  // namespace
}  // namespace mesg::fetch

int main() {
  // The kernel frees it all; libgit2 keeps some memory of PCRE for good, which would be reported.
  _exit(mesg::fetch::Main());
}
