// An application: hears every greeting, and asks for one.
#include <cstdio>
#include <future>
#include <mutex>

#include <mesg/application.h>

int main() {
  mesg::sdk::Application application;  // MESG_ENDPOINT says where.

  std::promise<std::string> greeted;
  std::once_flag first;  // Others may be greeted at the same time.
  const auto listener = application.ListenEvents(
      {{.service = "greeter", .key = "greeted"}}, {}, [&](const mesg::sdk::ReceivedEvent& event) {
        std::call_once(first, [&] { greeted.set_value(event.json); });
      });
  if (!listener) {
    std::fprintf(stderr, "greet: %s\n", listener.error().message.c_str());
    return 1;
  }
  const auto result = application.Execute("greeter", "greet", R"({"name":"Ada"})");
  if (!result || !result->ok()) {
    std::fprintf(stderr, "greet: %s\n", (result ? result->error : result.error().message).c_str());
    return 1;
  }
  std::printf("result %s\nevent %s\n", result->outputs.c_str(), greeted.get_future().get().c_str());
  return 0;
}
