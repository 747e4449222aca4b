// The service `feed`: feeds and JSON documents. See mesg.yml.
#include <cstdio>
#include <optional>
#include <utility>

#include <mesg/service.h>

#include "connector/environment.h"
#include "connector/upkeep.h"
#include "feed/poll.h"
#include "feed/source.h"
#include "http/client.h"

namespace {

using mesg::services::Upkeep;
namespace feed = mesg::services::feed;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "feed: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = feed::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());
  mesg::services::http::Client client(config->ca_file);
  const feed::Fetcher fetcher(client, config->auth);

  mesg::sdk::Service service;
  service.OnTask("fetch", [&](const mesg::sdk::Task& task) { return feed::Fetch(fetcher, task); });
  service.Start();
  std::optional<Upkeep> polling;
  if (!config->feeds.empty() || !config->documents.empty()) {
    polling.emplace(
        "feeds",
        [&](Upkeep::Session& session) {
          return feed::PollSources(service, fetcher, *config, session);
        },
        [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  }
  const auto ended = service.RunUntilSignal();
  polling.reset();
  return ended ? 0 : Die(ended.error());
}
