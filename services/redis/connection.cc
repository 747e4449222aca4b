#include "redis/connection.h"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <poll.h>

namespace mesg::services::redis {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr long kConnectMs = 5'000;
constexpr std::chrono::seconds kPatience{10};
constexpr milliseconds kSlice{100};  // How long a stop may go unnoticed.

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

Reply Convert(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::kNumber;
      reply.number = from.integer;
      break;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING:
      reply.kind = Reply::Kind::kText;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::kError;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::kList;
      reply.items.reserve(from.elements);
      for (std::size_t i = 0; i < from.elements; ++i) {
        reply.items.push_back(Convert(*from.element[i]));
      }
      break;
    default:  // REDIS_REPLY_NIL; there is nothing else in RESP2.
      break;
  }
  return reply;
}

}  // namespace

// libcurl makes the connection, with TLS when asked to; hiredis reads and writes Redis's protocol,
// for which Debian 12 has no TLS of its own.
struct Connection::State {
  std::unique_ptr<CURL, FreeCurl> curl;
  std::unique_ptr<redisReader, FreeReader> reader;
  curl_socket_t socket = CURL_SOCKET_BAD;
  std::size_t most_bytes = 0;
  std::size_t pending = 0;  // Bytes of the answer that is not complete.

  void Wait(short events, milliseconds time) const {
    pollfd poll_one{socket, events, 0};
    ::poll(&poll_one, 1, static_cast<int>(time.count()));
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&& other) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::Open(const Config& config) {
  auto state = std::make_unique<State>();
  state->curl.reset(curl_easy_init());
  state->reader.reset(redisReaderCreate());
  state->most_bytes = config.most_bytes;
  CURL* const curl = state->curl.get();
  if (curl == nullptr || state->reader == nullptr) return Internal("no memory for a connection");
  const bool tls = config.address.scheme == "rediss";
  const std::string url = (tls ? "https://" : "http://") + config.address.Place();
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why.data());
  if (!config.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, config.ca_file.c_str());
  const CURLcode made = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (made != CURLE_OK) {
    return Unavailable("cannot connect: {}", why[0] != 0 ? why.data() : curl_easy_strerror(made));
  }
  curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &state->socket);
  Connection connection(std::move(state));
  MESG_TRY(connection.LogIn(config));
  return connection;
}

Result<void> Connection::LogIn(const Config& config) {
  if (!config.address.password.empty()) {
    Command login{"AUTH"};
    if (!config.address.user.empty()) login.push_back(config.address.user);
    login.push_back(config.address.password);
    const Reply reply = MESG_TRY(Ask(login, kPatience));
    if (reply.IsError()) return PermissionDenied("Redis refused the login: {}", reply.text);
  }
  // Also the first sign of life, so that a server that wants a login is known as such at once.
  const Reply reply = MESG_TRY(Ask({"SELECT", std::to_string(config.database)}, kPatience));
  if (reply.IsError()) {
    return PermissionDenied("Redis refused database {}: {}", config.database, reply.text);
  }
  return {};
}

Result<void> Connection::Send(const Command& command) {
  std::vector<const char*> parts;
  std::vector<std::size_t> lengths;
  for (const std::string& part : command) {
    parts.push_back(part.data());
    lengths.push_back(part.size());
  }
  char* formatted = nullptr;
  const int size = redisFormatCommandArgv(&formatted, static_cast<int>(command.size()),
                                          parts.data(), lengths.data());
  if (size < 0) return Internal("no memory for a command");
  const std::unique_ptr<char, decltype(&redisFreeCommand)> owner(formatted, &redisFreeCommand);
  std::string_view rest(formatted, static_cast<std::size_t>(size));
  const auto deadline = Steady::now() + kPatience;
  while (!rest.empty()) {
    std::size_t sent = 0;
    const CURLcode code = curl_easy_send(state_->curl.get(), rest.data(), rest.size(), &sent);
    if (code == CURLE_AGAIN) {
      if (Steady::now() > deadline) return Unavailable("Redis takes no more data");
      state_->Wait(POLLOUT, kSlice);
    } else if (code != CURLE_OK) {
      return Unavailable("the connection broke: {}", curl_easy_strerror(code));
    }
    rest.remove_prefix(sent);
  }
  return {};
}

// False when nothing has arrived.
Result<bool> Connection::Receive() {
  std::array<char, 64 * 1024> buffer;
  std::size_t size = 0;
  const CURLcode code = curl_easy_recv(state_->curl.get(), buffer.data(), buffer.size(), &size);
  if (code == CURLE_AGAIN) return false;
  if (code != CURLE_OK || size == 0) {
    return Unavailable("the connection was closed{}{}", code == CURLE_OK ? "" : ": ",
                       code == CURLE_OK ? "" : curl_easy_strerror(code));
  }
  state_->pending += size;
  if (state_->pending > state_->most_bytes) {
    return ResourceExhausted("an answer is larger than {} bytes", state_->most_bytes);
  }
  if (redisReaderFeed(state_->reader.get(), buffer.data(), size) != REDIS_OK) {
    return Unavailable("what came is not Redis's protocol: {}", state_->reader->errstr);
  }
  return true;
}

Result<std::optional<Reply>> Connection::ReadArrived() {
  while (true) {
    void* found = nullptr;
    if (redisReaderGetReply(state_->reader.get(), &found) != REDIS_OK) {
      return Unavailable("what came is not Redis's protocol: {}", state_->reader->errstr);
    }
    if (found != nullptr) {
      const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(found));
      state_->pending = state_->reader->len - state_->reader->pos;
      return std::optional<Reply>(Convert(*reply));
    }
    if (!MESG_TRY(Receive())) return std::optional<Reply>();
  }
}

Result<Reply> Connection::Read(Duration patience, const std::stop_token& stop) {
  const auto deadline = Steady::now() + patience;
  while (true) {
    std::optional<Reply> reply = MESG_TRY(ReadArrived());
    if (reply) return *std::move(reply);
    if (stop.stop_requested()) return Cancelled("the service stops");
    if (Steady::now() >= deadline) {
      return DeadlineExceeded("no answer in {}", FormatDuration(patience));
    }
    state_->Wait(POLLIN, kSlice);
  }
}

Result<Reply> Connection::Ask(const Command& command, Duration patience,
                              const std::stop_token& stop) {
  MESG_TRY(Send(command));
  return Read(patience, stop);
}

bool Connection::Stands() {
  const auto received = Receive();
  return received && !*received;
}

}  // namespace mesg::services::redis
