// An application: every request that comes to a webhook is passed on to another URL.
//
//   webhook-to-http --url URL [--webhook NAME] [--http NAME]
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include <mesg/application.h>

#include "call.h"

namespace {

using mesg::Code;
using mesg::sdk::Application;
using mesg::sdk::Execution;
using mesg::sdk::ReceivedEvent;

struct Arguments {
  std::string url;
  std::string webhook = "webhook";
  std::string http = "http";
};

bool Read(int count, char** words, Arguments& arguments) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string option = words[i];
    std::string* const target = option == "--url"       ? &arguments.url
                                : option == "--webhook" ? &arguments.webhook
                                : option == "--http"    ? &arguments.http
                                                        : nullptr;
    if (target == nullptr) return false;
    *target = words[i + 1];
  }
  return count % 2 == 1 && !arguments.url.empty();
}

// Asks http for the call that follows from `event`, and returns once that is durable: only then is
// the event acknowledged. The key makes sure that an event that comes again, because this program
// or Core was killed in between, is not passed on twice.
void PassOn(Application& application, const Arguments& arguments, const ReceivedEvent& event) {
  std::printf("event   %s  %s  %s\n", event.id.c_str(), event.service.c_str(),
              webhook_to_http::Describe(event.json).c_str());
  const auto call = webhook_to_http::CallFor(event.json, arguments.url);
  if (!call) {
    std::printf("skipped %s  %s\n", event.id.c_str(), call.error().message.c_str());
    return;
  }
  const mesg::sdk::ExecuteOptions options{
      .tags = {"webhook-to-http"},
      .idempotency_key = "webhook-to-http/" + event.service + "/" + event.id,
      .traceparent = event.traceparent};
  while (true) {
    const auto id = application.Create(arguments.http, "request", *call, options);
    if (id) {
      std::printf("task    %s  %s  %s\n", id->c_str(), arguments.http.c_str(),
                  arguments.url.c_str());
      return;
    }
    const Code code = id.error().code;
    if (code == Code::kInvalidArgument) {
      std::printf("skipped %s  %s\n", event.id.c_str(), id.error().message.c_str());
      return;
    }
    // Core is overloaded, or http is not deployed at the moment: the event waits here.
    std::fprintf(stderr, "webhook-to-http: %s; trying again\n", id.error().message.c_str());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

void ShowResult(const Execution& execution) {
  const std::string text = execution.result.ok()
                               ? "status " + webhook_to_http::StatusOf(execution.result.outputs)
                               : execution.result.error;
  std::printf("result  %s  %s  %s\n", execution.id.c_str(), Name(execution.state).data(),
              text.c_str());
}

int Fail(const mesg::Error& error) {
  std::fprintf(stderr, "webhook-to-http: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int count, char** words) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // Each line at once, also into a file.
  Arguments arguments;
  if (!Read(count, words, arguments)) {
    std::fputs("usage: webhook-to-http --url URL [--webhook NAME] [--http NAME]\n", stderr);
    return 2;
  }
  Application application;  // MESG_ENDPOINT says where Core is.
  const auto results = application.ListenResults(
      {{.service = arguments.http, .key = "request", .tags = {"webhook-to-http"}}}, {}, ShowResult);
  if (!results) return Fail(results.error());

  // A subscription is kept by Core: requests that come while this program is away are passed on
  // when it is back. There is nothing to save here, so Ctrl-C and kill are good ways to end it.
  auto requests = application.ListenEvents(
      {{.service = arguments.webhook, .key = "request"}},
      {.subscription = "webhook-to-http/" + arguments.webhook},
      [&](const ReceivedEvent& event) { PassOn(application, arguments, event); });
  if (!requests) return Fail(requests.error());

  std::printf("ready   requests to %s go to %s\n", arguments.webhook.c_str(),
              arguments.url.c_str());
  const auto ended = requests->Wait();
  return ended ? 0 : Fail(ended.error());
}
