#include <cstdio>

#include <mesg/json.h>
#include <mesg/service.h>

int main() {
  mesg::sdk::Service service;  // MESG_ENDPOINT and MESG_TOKEN say where and who.

  service.OnTask("greet", [](const mesg::sdk::Task& task) -> mesg::Result<mesg::sdk::Outputs> {
    // Core has checked the inputs against mesg.yml: they are JSON text with a "name".
    task.Emit({.key = "greeted", .json = task.inputs()});  // Recorded together with the result.
    return mesg::sdk::Outputs{.json =
                                  mesg::sdk::JsonObject().AddRaw("greeted", task.inputs()).Take()};
  });

  if (const auto ended = service.RunUntilSignal(); !ended) {
    std::fprintf(stderr, "@NAME@: %s\n", ended.error().message.c_str());
    return 1;
  }
  return 0;
}
