// The service `webhook`: HTTP requests become events. See mesg.yml.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <mesg/service.h>

#include "webhook/config.h"
#include "webhook/server.h"

namespace {

using mesg::services::webhook::Emission;
using mesg::services::webhook::Server;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "webhook: %s\n", error.message.c_str());
  return 1;
}

void Respond(Server& server, mesg::sdk::Responder responder) {
  auto reply = mesg::services::webhook::ReadReply(responder.task().inputs());
  if (!reply) return responder.Fail(mesg::sdk::Permanent(reply.error()));
  const int status = reply->status;
  // std::function copies what it holds, and a duty cannot be copied.
  const auto duty = std::make_shared<mesg::sdk::Responder>(std::move(responder));
  server.Respond(*std::move(reply), [duty, status](const mesg::Result<void>& sent) {
    if (sent) {
      duty->Succeed({.json = "{\"status\":" + std::to_string(status) + "}"});
    } else {
      duty->Fail(mesg::sdk::Permanent(sent.error()));
    }
  });
}

}  // namespace

int main() {
  const auto config = mesg::services::webhook::ReadConfig([](const char* name) {
    const char* const found = std::getenv(name);
    return std::string(found != nullptr ? found : "");
  });
  if (!config) return Die(config.error());

  // A sender waits for the acknowledgement: better to say soon that it should come again.
  mesg::sdk::Service service({.threads = 1, .emit_timeout = std::chrono::seconds(8)});
  auto listening = Server::Listen(*config, [&service](std::vector<Emission> emissions,
                                                      Server::Done done) {
    std::vector<mesg::sdk::Event> events;
    for (Emission& each : emissions) {
      events.push_back({.key = "request", .json = std::move(each.json), .id = std::move(each.id)});
    }
    return service.EmitAsync(
        events, {}, [done = std::move(done)](const mesg::Result<mesg::sdk::Emitted>& emitted) {
          done(emitted ? mesg::Result<void>() : emitted.error());
        });
  });
  if (!listening) return Die(listening.error());
  const auto server = *std::move(listening);
  std::printf("listening on %s port %u\n", config->bind.c_str(), unsigned{server->port()});
  std::fflush(stdout);

  service.OnTaskAsync("respond", [server](mesg::sdk::Responder responder) {
    Respond(*server, std::move(responder));
  });
  const auto ended = service.RunUntilSignal();
  server->Stop();  // It emits, and must not when the service goes.
  return ended ? 0 : Die(ended.error());
}
