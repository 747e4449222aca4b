#include "nats/config.h"

#include <algorithm>

#include "connector/address.h"

namespace mesg::services::nats {
namespace {

// Each has a connection of its own.
constexpr std::size_t kMostStreams = 32;
constexpr std::size_t kMostSubjects = 1'000;

bool IsPlain(char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; }

Result<Config::Stream> ReadStream(const std::string& text) {
  const auto colon = text.find(':');
  Config::Stream stream{.name = text.substr(0, colon), .filter = {}};
  if (stream.name.empty() || !std::ranges::all_of(stream.name, IsPlain) ||
      stream.name.find_first_of(".*>/\\") != std::string::npos) {
    return InvalidArgument("STREAMS: expected NAME or NAME:SUBJECT, got \"{}\"", text);
  }
  if (colon != std::string::npos) {
    stream.filter = text.substr(colon + 1);
    MESG_TRY(CheckSubject("STREAMS", stream.filter, /*wildcards=*/true));
  }
  return stream;
}

}  // namespace

Result<void> CheckSubject(std::string_view what, std::string_view subject, bool wildcards) {
  const Error refused =
      InvalidArgument("{}: expected a subject like orders.new{}, got \"{}\"", what,
                      wildcards ? " or orders.*" : " without wildcards", subject);
  if (!std::ranges::all_of(subject, IsPlain)) return refused;
  for (std::size_t begin = 0; begin <= subject.size();) {
    const std::size_t end = std::min(subject.find('.', begin), subject.size());
    const std::string_view part = subject.substr(begin, end - begin);
    if (part.empty()) return refused;
    if (part == ">" && end != subject.size()) return refused;
    if ((part == "*" || part == ">") && !wildcards) return refused;
    begin = end + 1;
  }
  return {};
}

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.urls = environment.List("URL");
  if (config.urls.empty()) config.urls = {"nats://localhost:4222"};
  for (const std::string& url : config.urls) {
    const Address address = MESG_TRY(ParseAddress("URL", url, {{"nats", 4222}, {"tls", 4222}}));
    config.place += (config.place.empty() ? "" : ", ") + address.Place();
  }
  config.user = environment.Text("USER");
  config.password = environment.Text("PASSWORD");
  config.token = environment.Text("TOKEN");
  config.creds_file = environment.Text("CREDS_FILE");
  config.ca_file = environment.Text("CA_FILE");
  if (!config.user.empty() + !config.token.empty() + !config.creds_file.empty() > 1) {
    return InvalidArgument("USER, TOKEN, CREDS_FILE: expected one of them, got several");
  }
  config.subjects = environment.List("SUBJECTS");
  for (const std::string& subject : config.subjects) {
    MESG_TRY(CheckSubject("SUBJECTS", subject, /*wildcards=*/true));
  }
  for (const std::string& text : environment.List("STREAMS")) {
    config.streams.push_back(MESG_TRY(ReadStream(text)));
  }
  if (config.streams.size() > kMostStreams || config.subjects.size() > kMostSubjects) {
    return InvalidArgument("STREAMS, SUBJECTS: expected at most {} streams and {} subjects",
                           kMostStreams, kMostSubjects);
  }
  config.from_oldest = MESG_TRY(environment.OneOf("START", "new", {"oldest", "new"})) == "oldest";
  return config;
}

}  // namespace mesg::services::nats
