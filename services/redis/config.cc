#include "redis/config.h"

#include <algorithm>
#include <charconv>

namespace mesg::services::redis {
namespace {

// Each has a key in Core and a place in every question to Redis.
constexpr std::size_t kMostStreams = 100;

}  // namespace

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.address = MESG_TRY(ParseAddress("URL", environment.Text("URL", "redis://localhost:6379"),
                                         {{"redis", 6379}, {"rediss", 6379}}));
  const std::string& path = config.address.path;
  const char* const end = path.data() + path.size();
  if (!path.empty() &&
      (std::from_chars(path.data(), end, config.database).ptr != end || config.database < 0)) {
    return InvalidArgument("URL: expected the number of a database behind the /, got \"{}\"", path);
  }
  config.ca_file = environment.Text("CA_FILE");
  config.streams = environment.List("STREAMS");
  std::ranges::sort(config.streams);
  config.streams.erase(std::unique(config.streams.begin(), config.streams.end()),
                       config.streams.end());
  if (config.streams.size() > kMostStreams) {
    return InvalidArgument("STREAMS: expected at most {} streams, got {}", kMostStreams,
                           config.streams.size());
  }
  config.channels = environment.List("CHANNELS");
  config.from_oldest = MESG_TRY(environment.OneOf("START", "new", {"oldest", "new"})) == "oldest";
  return config;
}

bool IsPattern(const std::string& channel) {
  return channel.find_first_of("*?[") != std::string::npos;
}

}  // namespace mesg::services::redis
