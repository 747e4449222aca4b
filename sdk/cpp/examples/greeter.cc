// A service with one task and one event. Run it by hand: deploy examples/mesg.yml, then
//   env $(mesg service env greeter) build/dev/bin/sdk_cpp_greeter
#include <cstdio>

#include <mesg/json.h>
#include <mesg/service.h>

int main() {
  mesg::sdk::Service service;  // MESG_ENDPOINT and MESG_TOKEN say where and who.

  service.OnTask("greet", [](const mesg::sdk::Task& task) -> mesg::Result<mesg::sdk::Outputs> {
    if (task.inputs() == "{}") {
      return mesg::sdk::Permanent(mesg::InvalidArgument("there is nobody to greet"));
    }
    // Committed together with the answer, or not at all.
    task.Emit({.key = "greeted", .json = task.inputs()});
    return mesg::sdk::Outputs{.json =
                                  mesg::sdk::JsonObject().AddRaw("greeted", task.inputs()).Take()};
  });

  if (const auto ended = service.RunUntilSignal(); !ended) {
    std::fprintf(stderr, "greeter: %s\n", ended.error().message.c_str());
    return 1;
  }
  return 0;
}
