#include "feed/source.h"

#include <algorithm>
#include <cctype>
#include <future>
#include <memory>
#include <utility>

#include <curl/curl.h>

#include "connector/address.h"
#include "mesg/json.h"

namespace mesg::services::feed {
namespace {

constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
constexpr std::size_t kMostSources = 100;
constexpr int kMostRedirects = 5;
constexpr std::chrono::seconds kTimeout{30};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string Unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                           HexDigit(text[i + 2]) >= 0;
    plain +=
        is_escape ? static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])) : text[i];
    if (is_escape) i += 2;
  }
  return plain;
}

std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [key, text] : response.headers) {
    if (key == name) return text;
  }
  return {};
}

/// Its Last-Modified, when no later page can have the same: it counts seconds, so what was changed
/// in the second it was answered in may change again in it (RFC 9110, 8.8.2.2). "" otherwise.
std::string StrongModified(const http::Response& response) {
  const std::string modified = HeaderOf(response, "last-modified");
  const std::time_t changed = curl_getdate(modified.c_str(), nullptr);
  const std::time_t answered = curl_getdate(HeaderOf(response, "date").c_str(), nullptr);
  return changed >= 0 && answered > changed ? modified : "";
}

Result<std::vector<Source>> ReadSources(const Environment& environment, const char* variable) {
  std::vector<Source> sources;
  for (const std::string& each : environment.List(variable)) {
    Source source = MESG_TRY(Source::Parse(variable, each));
    sources.push_back(std::move(source));
  }
  if (sources.size() > kMostSources) {
    return InvalidArgument("{}: expected at most {} URLs, got {}", variable, kMostSources,
                           sources.size());
  }
  return sources;
}

}  // namespace

Result<Source> Source::Parse(std::string_view variable, const std::string& url) {
  const Address address = MESG_TRY(
      ParseAddress(variable, url, {{.name = "http", .port = 80}, {.name = "https", .port = 443}}));
  const auto authority = url.find("://") + 3;
  const auto path = std::min(url.find_first_of("/?#", authority), url.size());
  if (url.substr(authority, path - authority).find('@') != std::string::npos) {
    return InvalidArgument("{}: expected a URL without a password; the variable AUTH takes it",
                           variable);
  }
  const bool is_broken =
      std::ranges::any_of(url, [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
  if (is_broken) return InvalidArgument("{}: expected a URL without spaces", variable);
  Source source;
  source.given = url;
  const auto hash = std::min(url.find('#'), url.size());
  source.url = url.substr(0, hash);
  if (hash < url.size()) source.pointer = Unescaped(url.substr(hash + 1));
  if (!source.pointer.empty() && source.pointer.front() != '/') source.pointer.clear();
  source.host = address.host;
  source.name = source.url.substr(0, source.url.find('?'));
  return source;
}

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.feeds = MESG_TRY(ReadSources(environment, "FEEDS"));
  config.documents = MESG_TRY(ReadSources(environment, "DOCUMENTS"));
  config.poll = MESG_TRY(environment.Time("POLL", std::chrono::minutes(5)));
  const auto start = MESG_TRY(environment.OneOf("START", "new", {"new", "oldest"}));
  config.tell_first = start == "oldest";
  config.ca_file = environment.Text("CA_FILE");
  for (const std::string& each : environment.List("AUTH")) {
    const auto at = each.rfind('@');
    if (at == std::string::npos || each.find(':') > at || at + 1 == each.size()) {
      return InvalidArgument("AUTH: expected USER:PASSWORD@HOST between commas");
    }
    config.auth[each.substr(at + 1)] = each.substr(0, at);
  }
  return config;
}

Result<Fetcher::Page> Fetcher::Get(const Source& source, const std::string& etag,
                                   const std::string& modified, const std::stop_token& stop) const {
  http::Request request;
  request.method = "GET";
  request.url = source.url;
  request.max_bytes = kMostBytes;
  request.max_redirects = kMostRedirects;
  request.timeout = kTimeout;
  request.headers = {{"Accept",
                      "application/atom+xml, application/rss+xml, application/json;q=0.9, "
                      "*/*;q=0.5"}};
  if (!etag.empty()) request.headers.emplace_back("If-None-Match", etag);
  if (!modified.empty()) request.headers.emplace_back("If-Modified-Since", modified);
  // libcurl does not take this header along to another host.
  if (const auto known = auth_.find(source.host); known != auth_.end()) {
    request.headers.emplace_back("Authorization", "Basic " + sdk::ToBase64(known->second));
  }
  const auto answered = std::make_shared<std::promise<Result<http::Response>>>();
  auto answer = answered->get_future();
  const std::uint64_t number = client_.Start(
      std::move(request),
      [answered](Result<http::Response> response) { answered->set_value(std::move(response)); });
  const std::stop_callback cancel(stop, [&] { client_.Cancel(number); });
  Result<http::Response> response = answer.get();
  if (!response) {
    Error error = response.error();
    // The client names the whole URL.
    if (error.message.starts_with(source.url)) error.message.erase(0, source.url.size());
    error.message.insert(0, source.name);
    return error;
  }
  if (response->status == 304)
    return Page{.unchanged = true, .body = {}, .etag = etag, .modified = modified};
  if (response->status != 200) {
    const bool passes =
        response->status >= 500 || response->status == 429 || response->status == 408;
    const std::string text =
        fmt::format("{}: expected status 200, got {}", source.name, response->status);
    return passes ? Unavailable("{}", text) : FailedPrecondition("{}", text);
  }
  return Page{.body = std::move(response->body),
              .etag = HeaderOf(*response, "etag"),
              .modified = StrongModified(*response)};
}

}  // namespace mesg::services::feed
