// The service `email`: sends by SMTP, turns what comes into a mailbox into events. See mesg.yml.
#include <cstdio>
#include <optional>

#include <curl/curl.h>
#include <mesg/service.h>

#include "connector/environment.h"
#include "connector/upkeep.h"
#include "email/config.h"
#include "email/outgoing.h"
#include "email/smtp.h"
#include "email/watch.h"

namespace {

using mesg::services::email::Config;

mesg::Result<mesg::sdk::Outputs> Send(const Config& config, const mesg::sdk::Task& task) {
  namespace email = mesg::services::email;
  if (!config.smtp) {
    return mesg::sdk::Permanent(mesg::FailedPrecondition("SMTP_HOST is not set"));
  }
  auto outgoing = email::ReadInputs(task.inputs(), config.from, task.execution_id());
  if (!outgoing) return mesg::sdk::Permanent(outgoing.error());
  const auto sent = email::Send(*config.smtp, *outgoing, mesg::SystemClock().Now(),
                                [&task] { return task.Cancelled(); });
  if (sent) return mesg::sdk::Outputs{.json = email::WriteOutputs(*outgoing, *sent)};
  if (sent.error().code == mesg::Code::kFailedPrecondition) {
    return mesg::sdk::Permanent(sent.error());
  }
  return sent.error();
}

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "email: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = mesg::services::email::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());
  curl_global_init(CURL_GLOBAL_DEFAULT);

  mesg::sdk::Service service({.credits = 16, .threads = 4});
  service.OnTask("send", [&](const mesg::sdk::Task& task) { return Send(*config, task); });
  mesg::services::email::Watch watch(service, *config);
  std::optional<mesg::services::Upkeep> upkeep;
  if (config->imap) {
    upkeep.emplace(
        "IMAP at " + config->imap->Name(),
        [&](mesg::services::Upkeep::Session& session) { return watch.Run(session); },
        [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  }
  const auto ended = service.RunUntilSignal();
  upkeep.reset();  // It emits, and must not when the service goes.
  return ended ? 0 : Die(ended.error());
}
