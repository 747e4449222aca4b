#include "email/config.h"

#include <algorithm>
#include <cctype>

#include <curl/curl.h>

namespace mesg::services::email {
namespace {

constexpr long kConnectTimeoutMs = 15'000;

bool IsHost(const std::string& host) {
  return std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '_';
  });
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// The variables of one server, prefix SMTP or IMAP.
Result<std::optional<Server>> ReadServer(const Environment& environment, const std::string& prefix,
                                         const std::string& security) {
  const auto name = [&](const char* suffix) { return prefix + suffix; };
  Server server;
  server.host = environment.Text(name("_HOST").c_str());
  if (server.host.empty()) return std::optional<Server>();
  if (!IsHost(server.host)) {
    return InvalidArgument("{}: expected the name or address of a host, got \"{}\"", name("_HOST"),
                           server.host);
  }
  const std::string tls =
      MESG_TRY(environment.OneOf(name("_TLS").c_str(), security, {"tls", "starttls", "none"}));
  const bool smtp = prefix == "SMTP";
  std::int64_t port = 0;
  if (tls == "tls") {
    server.security = Server::Security::kTls;
    port = smtp ? 465 : 993;
  } else if (tls == "starttls") {
    server.security = Server::Security::kStartTls;
    port = smtp ? 587 : 143;
  } else {
    server.security = Server::Security::kNone;
    port = smtp ? 25 : 143;
  }
  server.port = static_cast<std::uint16_t>(
      MESG_TRY(environment.Number(name("_PORT").c_str(), port, 1, 65'535)));
  server.user = environment.Text(name("_USER").c_str());
  server.password = environment.Text(name("_PASSWORD").c_str());
  if (server.user.empty() && !smtp) {
    return InvalidArgument("{}: expected the user to log in as, it is not set", name("_USER"));
  }
  if (server.user.empty() != server.password.empty()) {
    return InvalidArgument("{} and {}: expected both or none", name("_USER"), name("_PASSWORD"));
  }
  if (tls == "none" && !server.password.empty() && !IsLoopback(server.host)) {
    return InvalidArgument(
        "{}: a password is not sent without TLS, except to this machine; use tls or starttls",
        name("_TLS"));
  }
  server.ca_file = environment.Text("CA_FILE");
  return std::optional<Server>(std::move(server));
}

}  // namespace

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.smtp = MESG_TRY(ReadServer(environment, "SMTP", "starttls"));
  config.imap = MESG_TRY(ReadServer(environment, "IMAP", "tls"));
  if (!config.smtp && !config.imap) {
    return InvalidArgument(
        "SMTP_HOST, IMAP_HOST: expected one of them at least, to send or to "
        "receive");
  }
  if (const std::string from = environment.Text("FROM"); !from.empty()) {
    const auto addresses = MESG_TRY(ParseAddresses("FROM", from));
    if (addresses.size() != 1) return InvalidArgument("FROM: expected one address");
    config.from = addresses.front();
  }
  config.mailbox = environment.Text("MAILBOX", "INBOX");
  if (std::ranges::any_of(config.mailbox, [](unsigned char c) { return c < 0x20 || c > 0x7e; })) {
    return InvalidArgument("MAILBOX: expected ASCII; write other letters in IMAP's modified UTF-7");
  }
  config.oldest = MESG_TRY(environment.OneOf("START", "new", {"new", "oldest"})) == "oldest";
  config.mark_seen = MESG_TRY(environment.Flag("MARK_SEEN", false));
  config.poll = MESG_TRY(environment.Time("POLL", std::chrono::seconds(30)));
  config.most_attachments = static_cast<std::size_t>(
      MESG_TRY(environment.Number("MAX_ATTACHMENTS", 1024 * 1024, 0, 2 * 1024 * 1024)));
  return config;
}

void SetUp(void* easy, const std::string& protocol, const Server& server) {
  const bool tls = server.security == Server::Security::kTls;
  const bool is_v6 = server.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + server.host + "]" : server.host;
  const std::string url =
      protocol + (tls ? "s://" : "://") + host + ":" + std::to_string(server.port);
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps,imap,imaps");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (server.security == Server::Security::kStartTls) {
    curl_easy_setopt(easy, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  }
  if (!server.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, server.ca_file.c_str());
  if (!server.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_USERNAME, server.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, server.password.c_str());
  }
}

}  // namespace mesg::services::email
