#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connector/environment.h"
#include "http/client.h"

namespace mesg::services::feed {

/// Where something is fetched from.
struct Source {
  std::string given;    ///< As in the environment.
  std::string url;      ///< Without what is behind the #.
  std::string pointer;  ///< Behind the #, unescaped; "" for all.
  std::string host;
  std::string name;  ///< For messages: without the query, which may hold a secret.

  /// InvalidArgument, without showing `url`, unless it is http or https without a password.
  static Result<Source> Parse(std::string_view variable, const std::string& url);
};

/// What mesg.yml's `env` says.
struct Config {
  std::vector<Source> feeds;
  std::vector<Source> documents;
  Duration poll{};
  bool tell_first = false;
  std::map<std::string, std::string> auth;  ///< Host to USER:PASSWORD.
  std::string ca_file;
};
Result<Config> ReadConfig(const Environment& environment);

/// Fetches sources. Any thread. Lifetime: borrows `client`.
class Fetcher {
 public:
  struct Page {
    bool unchanged = false;  ///< The server says that it is as it was.
    std::string body;
    std::string etag;
    std::string modified;  ///< Last-Modified; "" when a later page could have the same.
  };
  Fetcher(http::Client& client, std::map<std::string, std::string> auth)
      : client_(client), auth_(std::move(auth)) {}

  /// Blocks. `etag` and `modified` are those of the page that is known, "" for none. Errors begin
  /// with the source's name; Unavailable and DeadlineExceeded may pass, others stay.
  Result<Page> Get(const Source& source, const std::string& etag, const std::string& modified,
                   const std::stop_token& stop) const;

 private:
  http::Client& client_;
  const std::map<std::string, std::string> auth_;
};

}  // namespace mesg::services::feed
