// The service `mqtt`: messages of topics become events, the task publishes. See mesg.yml.
#include <cstdio>
#include <string>
#include <utility>

#include <mesg/service.h>

#include "connector/upkeep.h"
#include "mqtt/config.h"
#include "mqtt/tasks.h"
#include "mqtt/topics.h"

namespace {

using mesg::services::Upkeep;
namespace mqtt = mesg::services::mqtt;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "mqtt: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = mqtt::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());

  mesg::sdk::Service service;
  service.OnTask("publish",
                 [&](const mesg::sdk::Task& task) { return mqtt::Publish(*config, task); });
  mqtt::Topics topics(service, *config);
  const Upkeep hearing(
      "MQTT broker at " + config->address.Place(),
      [&](Upkeep::Session& session) { return topics.Run(session); },
      [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  const auto ended = service.RunUntilSignal();
  return ended ? 0 : Die(ended.error());
}
