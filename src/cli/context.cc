#include "cli/context.h"

#include <condition_variable>
#include <mutex>

#include "cli/message_json.h"

namespace mesg::cli {

Context::Context(World world, std::string endpoint, bool json)
    : world_(std::move(world)), json_(json), client_(std::move(endpoint)) {}

void Context::Print(const google::protobuf::Message& message) {
  terminal().Print(MessageToJson(message));
}

void Context::Tell(std::string_view what) {
  if (!json_) terminal().Say(what);
}

bool Pause(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

std::string Words(std::string_view enum_name) {
  std::string words(enum_name);
  for (char& c : words) {
    if (c == '_') c = ' ';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return words;
}

}  // namespace mesg::cli
