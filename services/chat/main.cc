// The service `chat`: messages to and from Slack, Discord, Telegram and Matrix. See mesg.yml.
#include <cstdio>
#include <memory>

#include <mesg/json.h>
#include <mesg/service.h>

#include "chat/config.h"
#include "chat/receive.h"
#include "chat/sender.h"
#include "connector/environment.h"
#include "webhook/server.h"

namespace {

namespace chat = mesg::services::chat;
namespace webhook = mesg::services::webhook;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "chat: %s\n", error.message.c_str());
  return 1;
}

mesg::Result<mesg::sdk::Outputs> Send(const chat::Config& config, chat::Sender& sender,
                                      const mesg::sdk::Task& task) {
  if (!config.Sends()) {
    return mesg::sdk::Permanent(mesg::FailedPrecondition("URL is not set: it only receives"));
  }
  const auto post = chat::ReadInputs(config, task.inputs(), task.execution_id());
  if (!post) return mesg::sdk::Permanent(post.error());
  task.OnCancel([&sender] { sender.Wake(); });
  const auto id = sender.Send(post->request, task.deadline(), [&task] { return task.Cancelled(); });
  if (!id) {
    const bool hopeless = id.error().code == mesg::Code::kFailedPrecondition ||
                          id.error().code == mesg::Code::kInvalidArgument;
    return hopeless ? mesg::sdk::Permanent(id.error()) : id.error();
  }
  mesg::sdk::JsonObject outputs;
  if (!id->empty()) outputs.Add("id", *id);
  return mesg::sdk::Outputs{.json = outputs.Add("cut", post->cut).Take()};
}

mesg::Result<std::shared_ptr<webhook::Server>> Listen(const chat::Config& config,
                                                      mesg::sdk::Service& service) {
  webhook::Config http;
  http.bind = config.bind;
  http.port = config.port;
  const auto emit = [&service](std::vector<webhook::Emission> emissions,
                               webhook::Server::Done done) {
    std::vector<mesg::sdk::Event> events;
    for (webhook::Emission& each : emissions) {
      events.push_back({.key = "message", .json = std::move(each.json), .id = std::move(each.id)});
    }
    return service.EmitAsync(
        events, {}, [done = std::move(done)](const mesg::Result<mesg::sdk::Emitted>& emitted) {
          done(emitted ? mesg::Result<void>() : emitted.error());
        });
  };
  return webhook::Server::Listen(http, emit, [&config](const webhook::Incoming& incoming) {
    return chat::Receive(config, incoming, mesg::SystemClock().Now());
  });
}

}  // namespace

int main() {
  const auto config = chat::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());
  chat::Sender sender(*config);
  // Platforms wait three seconds or so for an answer, and come again.
  mesg::sdk::Service service({.credits = 16, .emit_timeout = std::chrono::seconds(8)});
  service.OnTask("send", [&](const mesg::sdk::Task& task) { return Send(*config, sender, task); });
  std::shared_ptr<webhook::Server> server;
  if (config->listens) {
    auto listening = Listen(*config, service);
    if (!listening) return Die(listening.error());
    server = *std::move(listening);
    std::printf("listening on %s port %u\n", config->bind.c_str(), unsigned{server->port()});
    std::fflush(stdout);
  }
  const auto ended = service.RunUntilSignal();
  if (server) server->Stop();  // It emits, and must not when the service goes.
  return ended ? 0 : Die(ended.error());
}
