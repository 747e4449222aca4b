#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/context.h"
#include "mesg/v1/runs.pb.h"

namespace mesg::cli {

/// Prints what happens to runs as lines: that a run began and how it ended, and each step when it
/// has ended, waits for somebody or is tried again.
///
/// One thread. Remembers the runs that are under way.
class RunLines {
 public:
  explicit RunLines(Context& context) : context_(context) {}

  /// Prints what is new of the run since it was shown last. When `run` comes without its steps,
  /// they are asked for.
  void Show(const ::mesg::v1::Run& run);

 private:
  struct Known {
    bool begun = false;
    /// What was printed of each step that is under way.
    std::map<std::uint64_t, std::string> open;
    /// All steps up to this one have ended and were printed.
    std::uint64_t settled = 0;
    std::map<std::uint64_t, bool> ended;  ///< Those behind it.
  };
  void ShowWhole(const ::mesg::v1::Run& run, Known& known);
  void ShowSteps(const ::mesg::v1::Run& run, Known& known);
  void ShowStep(const ::mesg::v1::Run& run, const ::mesg::v1::Run::Step& step, Known& known);
  void Line(std::int64_t time, const std::string& id, std::string_view name, Style style,
            std::string_view state, std::string_view rest);

  Context& context_;
  std::map<std::string, Known> runs_;
};

}  // namespace mesg::cli
