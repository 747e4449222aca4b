// The service `file`: what happens to files, and reading and writing them. See mesg.yml.
#include <cstdio>
#include <optional>
#include <utility>

#include <mesg/service.h>

#include "connector/environment.h"
#include "connector/upkeep.h"
#include "file/operations.h"
#include "file/watch.h"

namespace {

using mesg::services::Upkeep;
namespace file = mesg::services::file;

struct Config {
  file::Folders folders;
  file::WatchOptions watch;
  bool write;
};

mesg::Result<Config> ReadConfig(const mesg::services::Environment& environment) {
  auto folders = MESG_TRY(file::Folders::Of(environment.List("FOLDERS")));
  const auto start = MESG_TRY(environment.OneOf("START", "new", {"new", "all"}));
  const auto most = MESG_TRY(environment.Number("MAX_FILES", 50'000, 1, 1'000'000));
  const bool write = MESG_TRY(environment.Flag("WRITE", true));
  return Config{std::move(folders),
                {.pattern = environment.Text("PATTERN", "*"),
                 .tell_existing = start == "all",
                 .most_files = static_cast<std::size_t>(most)},
                write};
}

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "file: %s\n", error.message.c_str());
  return 1;
}

// Only what the system is short of passes by itself.
mesg::Result<mesg::sdk::Outputs> Answer(mesg::Result<std::string> outputs) {
  if (outputs) return mesg::sdk::Outputs{.json = *std::move(outputs)};
  if (outputs.error().code == mesg::Code::kUnavailable) return outputs.error();
  return mesg::sdk::Permanent(outputs.error());
}

}  // namespace

int main() {
  const auto config = ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());
  const file::Operations operations(config->folders, config->write);

  mesg::sdk::Service service;
  using Operation = mesg::Result<std::string> (file::Operations::*)(std::string_view) const;
  const std::pair<const char*, Operation> tasks[] = {
      {"read", &file::Operations::Read},     {"write", &file::Operations::Write},
      {"append", &file::Operations::Append}, {"move", &file::Operations::Move},
      {"list", &file::Operations::List},     {"remove", &file::Operations::Remove},
  };
  for (const auto& [name, operation] : tasks) {
    service.OnTask(name, [&operations, operation = operation](const mesg::sdk::Task& task) {
      return Answer((operations.*operation)(task.inputs()));
    });
  }
  service.Start();
  std::optional<Upkeep> watching;
  watching.emplace(
      "files",
      [&](Upkeep::Session& session) {
        return file::WatchFolders(service, config->folders, config->watch, session);
      },
      [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  const auto ended = service.RunUntilSignal();
  watching.reset();
  return ended ? 0 : Die(ended.error());
}
