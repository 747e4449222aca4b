// The service `nats`: subjects and streams become events, tasks publish and ask. See mesg.yml.
#include <cstdint>
#include <cstdio>
#include <list>
#include <string>
#include <utility>

#include <mesg/service.h>
#include <nats/nats.h>

#include "connector/health.h"
#include "connector/upkeep.h"
#include "nats/config.h"
#include "nats/presence.h"
#include "nats/stream.h"
#include "nats/subjects.h"
#include "nats/tasks.h"

namespace {

using mesg::services::Upkeep;
namespace nats = mesg::services::nats;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "nats: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = nats::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());

  nats::Tasks tasks(*config);
  mesg::sdk::Service service;
  nats::Subjects subjects(service, *config);
  service.OnTask("publish", [&](const mesg::sdk::Task& task) { return tasks.Publish(task); });
  service.OnTask("request", [&](const mesg::sdk::Task& task) { return tasks.Request(task); });

  mesg::services::Health health(
      [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  const std::string where = "NATS at " + config->place;
  std::list<nats::Stream> streams;
  std::list<Upkeep> connections;
  for (const auto& each : config->streams) {
    nats::Stream& stream = streams.emplace_back(service, *config, each);
    connections.emplace_back(
        where, [&](Upkeep::Session& session) { return stream.Run(session); },
        health.Of("stream " + each.name + ":" + each.filter));
  }
  if (!config->subjects.empty()) {
    connections.emplace_back(
        where, [&](Upkeep::Session& session) { return subjects.Run(session); },
        health.Of("subjects"));
  }
  if (connections.empty()) {
    connections.emplace_back(
        where, [&](Upkeep::Session& session) { return nats::WatchServer(*config, session); },
        health.Of("server"));
  }
  const auto ended = service.RunUntilSignal();
  // The library's threads call into the subjects: it ends first, and its connections before it.
  connections.clear();
  tasks.Close();
  constexpr std::int64_t kPatienceMs = 5'000;
  nats_CloseAndWait(kPatienceMs);
  return ended ? 0 : Die(ended.error());
}
