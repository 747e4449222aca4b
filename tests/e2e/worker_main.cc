// A service's process for the tests: performs "work" by answering with its inputs and its process
// id, or, started with the word "hold", takes work and never answers.

#include <string>
#include <vector>

#include <unistd.h>

#include "mesg/service.h"

int main(int argc, char** argv) {
  const bool hold = argc > 1 && std::string(argv[1]) == "hold";
  mesg::sdk::ServiceOptions options;
  options.credits = 50;
  options.threads = 1;
  options.log = [](std::string_view) {};
  mesg::sdk::Service service(std::move(options));
  std::vector<mesg::sdk::Responder> held;
  service.OnTaskAsync("work", [&](mesg::sdk::Responder responder) {
    if (hold) {
      held.push_back(std::move(responder));
      return;
    }
    mesg::sdk::Outputs outputs;
    outputs.json = "{\"pid\":" + std::to_string(getpid()) + "}";
    responder.Succeed(std::move(outputs));
  });
  return service.RunUntilSignal() ? 0 : 1;
}
