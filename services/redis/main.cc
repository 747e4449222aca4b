// The service `redis`: streams and channels become events, tasks become commands. See mesg.yml.
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <mesg/service.h>

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

// Two connections, one health: that of the first that is not well.
class Health {
 public:
  explicit Health(mesg::sdk::Service& service) : service_(service) {}

  Upkeep::Health Of(std::string what) {
    return [this, what = std::move(what)](std::string problem) {
      const std::lock_guard lock(mutex_);
      problems_[what] = std::move(problem);
      for (const auto& [name, found] : problems_) {
        if (!found.empty()) return service_.ReportHealth(found);
      }
      service_.ReportHealth("");
    };
  }

 private:
  mesg::sdk::Service& service_;
  std::mutex mutex_;
  std::map<std::string, std::string> problems_;
};

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
  Health health(service);
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
