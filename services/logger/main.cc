// The service `logger`: writes lines to its standard output, which Core keeps as its log. See
// mesg.yml.
#include <cstdio>
#include <mutex>

#include <mesg/service.h>

#include "connector/environment.h"
#include "logger/line.h"

namespace {

namespace logger = mesg::services::logger;
using mesg::Result;

/// Writes what is at least of `least`, whole lines.
class Log {
 public:
  Log(logger::Level least, logger::Format format) : least_(least), format_(format) {}

  Result<mesg::sdk::Outputs> Perform(const mesg::sdk::Task& task) {
    const auto entry = logger::ReadInputs(task.inputs());
    if (!entry) return mesg::sdk::Permanent(entry.error());
    if (entry->level < least_) return mesg::sdk::Outputs{.json = R"({"written":false})"};
    const std::string line = logger::WriteLine(*entry, format_, mesg::SystemClock().Now());
    const std::scoped_lock lock(mutex_);
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() ||
        std::fflush(stdout) != 0) {
      return mesg::Unavailable("the line could not be written");
    }
    return mesg::sdk::Outputs{.json = R"({"written":true})"};
  }

 private:
  const logger::Level least_;
  const logger::Format format_;
  std::mutex mutex_;
};

Result<void> Run() {
  const mesg::services::Environment environment;
  const auto least = MESG_TRY(logger::ParseLevel(environment.Text("LEVEL", "debug")));
  const std::string format = MESG_TRY(environment.OneOf("FORMAT", "text", {"text", "json"}));
  Log log(least, format == "json" ? logger::Format::kJson : logger::Format::kText);
  mesg::sdk::Service service({.threads = 1});
  service.OnTask("log", [&log](const mesg::sdk::Task& task) { return log.Perform(task); });
  return service.RunUntilSignal();
}

}  // namespace

int main() {
  const auto ended = Run();
  if (ended) return 0;
  std::fprintf(stderr, "logger: %s\n", ended.error().message.c_str());
  return 1;
}
