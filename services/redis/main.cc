// The service `redis`: streams and channels become events, tasks become commands. See mesg.yml.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <mesg/service.h>

#include "connector/health.h"
#include "connector/upkeep.h"
#include "redis/channels.h"
#include "redis/config.h"
#include "redis/streams.h"
#include "redis/tasks.h"

namespace {

using mesg::services::Upkeep;
namespace redis = mesg::services::redis;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "redis: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = redis::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());

  redis::Tasks tasks(*config);
  mesg::sdk::Service service;
  service.OnTask("command",
                 [&](const mesg::sdk::Task& task) { return tasks.PerformCommand(task); });
  service.OnTask("add", [&](const mesg::sdk::Task& task) { return tasks.PerformAdd(task); });

  redis::Streams streams(service, *config);
  redis::Channels channels(service, *config);
  mesg::services::Health health(
      [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  const std::string where = "Redis at " + config->address.Place();
  const Upkeep reading(
      where, [&](Upkeep::Session& session) { return streams.Run(session); }, health.Of("streams"));
  std::optional<Upkeep> hearing;
  if (!config->channels.empty()) {
    hearing.emplace(
        where, [&](Upkeep::Session& session) { return channels.Run(session); },
        health.Of("channels"));
  }
  const auto ended = service.RunUntilSignal();
  return ended ? 0 : Die(ended.error());
}
