#pragma once

#include <optional>
#include <string>

#include "base/guarded.h"
#include "base/result.h"

namespace mesg::daemon {

/// Why and when Core stops: a signal, a call, or an error after which it cannot go on.
///
/// From construction on, TERM and INT ask for an orderly stop; a second one ends the process at
/// once. SIGPIPE is ignored: a reader of the log that goes away is no reason to stop; SIGXFSZ too:
/// a file that may not grow is an error like a full disk. One per process; the first is made before
/// any other thread.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// Any thread. The first reason counts.
  void Ask(std::string why);
  void Fail(Error error);

  /// Blocks until somebody asks, and says why: "SIGTERM", what Ask was given, or the error.
  Result<std::string> Wait();

  /// Ends the process with status 1 unless this object is destroyed within `seconds`: an orderly
  /// stop must not hang on a dead disk.
  static void ForceAfter(unsigned seconds);

 private:
  struct Asked {
    std::string why;
    std::optional<Error> error;
  };
  Guarded<std::optional<Asked>> asked_;
};

}  // namespace mesg::daemon
