#include "cli/service_log.h"

#include "cli/human.h"

namespace mesg::cli {

void PrintLogLine(const ::mesg::v1::ServiceLogsResponse::Line& line, bool with_time,
                  Context& context) {
  if (context.json()) return context.Print(line);
  Terminal& terminal = context.terminal();
  const std::string time =
      with_time ? terminal.ForOutput(Style::kDim, ClockTime(line.time_us())) + "  " : "";
  const std::string& text = line.text();
  terminal.Print(time + (line.error() ? terminal.ForOutput(Style::kRed, text) : text));
}

}  // namespace mesg::cli
