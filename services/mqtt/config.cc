#include "mqtt/config.h"

#include <chrono>

#include <mosquitto.h>

namespace mesg::services::mqtt {
namespace {

// Behind the last colon stands the quality of service; a topic may hold colons, too.
Result<Config::Topic> ReadTopic(const std::string& text) {
  Config::Topic topic{.filter = text};
  const auto colon = text.rfind(':');
  if (colon != std::string::npos && colon + 2 == text.size() && text.back() >= '0' &&
      text.back() <= '2') {
    topic = {.filter = text.substr(0, colon), .qos = text.back() - '0'};
  }
  if (topic.filter.empty() || mosquitto_sub_topic_check(topic.filter.c_str()) != MOSQ_ERR_SUCCESS) {
    return InvalidArgument("TOPICS: expected a topic filter like a/#:2 or b/+:1, got \"{}\"", text);
  }
  return topic;
}

}  // namespace

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.address = MESG_TRY(ParseAddress("URL", environment.Text("URL", "mqtt://localhost:1883"),
                                         {{"mqtt", 1883}, {"mqtts", 8883}}));
  config.ca_file = environment.Text("CA_FILE");
  config.client_id = environment.Text("CLIENT_ID", "mesg");
  for (const std::string& text : environment.List("TOPICS")) {
    config.topics.push_back(MESG_TRY(ReadTopic(text)));
  }
  constexpr std::chrono::seconds kLeast{5};
  constexpr std::chrono::seconds kMost{65'535};
  const Duration keepalive = MESG_TRY(environment.Time("KEEPALIVE", std::chrono::seconds(60)));
  if (keepalive < kLeast || keepalive > kMost) {
    return InvalidArgument("KEEPALIVE: expected {} to {}, got {}", FormatDuration(kLeast),
                           FormatDuration(kMost), FormatDuration(keepalive));
  }
  config.keepalive =
      static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(keepalive).count());
  return config;
}

}  // namespace mesg::services::mqtt
