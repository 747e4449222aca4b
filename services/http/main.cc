// The service `http`: performs requests for whoever asks. See mesg.yml.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <mesg/service.h>

#include "http/client.h"
#include "http/request.h"
#include "webhook/signature.h"

namespace {

using mesg::services::http::Client;
using mesg::services::webhook::StandardKeys;

std::string Env(const char* name) {
  const char* const found = std::getenv(name);
  return found != nullptr ? found : "";
}

// Another attempt would end the same way.
bool IsHopeless(const mesg::Error& error) {
  return error.code == mesg::Code::kInvalidArgument ||
         error.code == mesg::Code::kFailedPrecondition;
}

void Perform(Client& client, const StandardKeys* keys, mesg::sdk::Responder responder) {
  const mesg::sdk::Task task = responder.task();
  auto request = mesg::services::http::ReadInputs(task.inputs(), task.execution_id(), keys,
                                                  mesg::SystemClock().Now());
  if (!request) return responder.Fail(mesg::sdk::Permanent(request.error()));
  // std::function copies what it holds, and a duty cannot be copied.
  const auto duty = std::make_shared<mesg::sdk::Responder>(std::move(responder));
  const auto number = client.Start(
      *std::move(request), [duty](mesg::Result<mesg::services::http::Response> response) {
        if (response) {
          duty->Succeed({.json = mesg::services::http::WriteOutputs(*response)});
        } else {
          const mesg::Error& error = response.error();
          duty->Fail(IsHopeless(error) ? mesg::sdk::Permanent(error) : error);
        }
      });
  task.OnCancel([&client, number] { client.Cancel(number); });
}

}  // namespace

int main() {
  const int concurrency = std::clamp(std::atoi(Env("CONCURRENCY").c_str()), 0, 10'000);
  std::optional<StandardKeys> keys;
  if (const std::string secret = Env("WEBHOOK_SECRET"); !secret.empty()) {
    auto parsed = StandardKeys::Parse("WEBHOOK_SECRET", secret);
    if (!parsed) {
      std::fprintf(stderr, "http: %s\n", parsed.error().message.c_str());
      return 1;
    }
    keys = *std::move(parsed);
  }
  Client client(Env("CA_FILE"));
  mesg::sdk::Service service(
      {.credits = static_cast<unsigned>(concurrency > 0 ? concurrency : 64), .threads = 1});
  service.OnTaskAsync("request", [&client, &keys](mesg::sdk::Responder responder) {
    Perform(client, keys ? &*keys : nullptr, std::move(responder));
  });
  if (const auto ended = service.RunUntilSignal(); !ended) {
    std::fprintf(stderr, "http: %s\n", ended.error().message.c_str());
    return 1;
  }
  return 0;
}
