#include "email/imap_stream.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include <curl/curl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace mesg::services::email {
namespace {

constexpr std::chrono::seconds kPatience{60};
// What libcurl has answered already; the parser expects the greeting of a connection.
constexpr std::string_view kGreeting = "* PREAUTH logged in\r\n";

int Progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

Error ToError(CURLcode code, const char* detail) {
  switch (code) {
    case CURLE_LOGIN_DENIED:
      return FailedPrecondition("the login is refused, check IMAP_USER and IMAP_PASSWORD: {}",
                                detail);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED:
      return FailedPrecondition("{}", detail);
    default:
      return Unavailable("{}", detail);
  }
}

}  // namespace

struct ImapStream::Curl {
  CURL* easy = curl_easy_init();
  curl_socket_t socket = CURL_SOCKET_BAD;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;

  Curl() = default;
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() { curl_easy_cleanup(easy); }
};

Result<std::unique_ptr<ImapStream>> ImapStream::Connect(const Server& server,
                                                        std::stop_token stop) {
  auto curl = std::make_unique<Curl>();
  CURL* const easy = curl->easy;
  SetUp(easy, "imap", server);
  std::string detail(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60'000L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &Progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  if (code != CURLE_OK) {
    return ToError(code, detail.front() != '\0' ? detail.c_str() : curl_easy_strerror(code));
  }
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &curl->socket);
  if (curl->socket == CURL_SOCKET_BAD) return Unavailable("the connection was closed");
  return std::unique_ptr<ImapStream>(new ImapStream(std::move(curl), std::move(stop)));
}

ImapStream::ImapStream(std::unique_ptr<Curl> curl, std::stop_token stop)
    : curl_(std::move(curl)),
      stop_(std::move(stop)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      ahead_(kGreeting) {
  curl_->on_stop.emplace(stop_, [wake = wake_] { eventfd_write(wake, 1); });
}

ImapStream::~ImapStream() {
  curl_->on_stop.reset();
  close(wake_);
}

ImapStream::Waited ImapStream::WaitFor(Direction direction, Duration time) {
  pollfd polled[] = {
      {.fd = curl_->socket,
       .events = static_cast<short>(direction == Direction::kRead ? POLLIN : POLLOUT),
       .revents = 0},
      {.fd = wake_, .events = POLLIN, .revents = 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  const int ready = poll(polled, 2, static_cast<int>(std::max<std::int64_t>(ms, 0)));
  if (stop_.stop_requested()) {
    problem_ = "the service stops";
    return Waited::kEnded;
  }
  return ready == 0 ? Waited::kTimeout : Waited::kReady;
}

// Reads what there is without waiting. False when nothing is there now, or the stream has ended.
bool ImapStream::Buffer() {
  char buffer[16 * 1024];
  std::size_t size = 0;
  const CURLcode code = curl_easy_recv(curl_->easy, buffer, sizeof buffer, &size);
  if (code == CURLE_AGAIN) return false;
  if (code != CURLE_OK || size == 0) {
    problem_ = code != CURLE_OK ? curl_easy_strerror(code) : "the server closed the connection";
    return false;
  }
  ahead_.append(buffer, size);
  return true;
}

bool ImapStream::Await(Duration time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (ahead_.empty() && problem_.empty() && !Buffer()) {
    if (!problem_.empty()) break;
    const auto left =
        std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now());
    if (left <= Duration::zero()) return true;
    WaitFor(Direction::kRead, left);
  }
  return problem_.empty();
}

ssize_t ImapStream::Read(void* into, std::size_t size) {
  while (ahead_.empty()) {
    if (!problem_.empty()) return -1;
    if (Buffer()) break;
    if (problem_.empty() && WaitFor(Direction::kRead, kPatience) == Waited::kTimeout) {
      problem_ = "the server has been silent for a minute";
    }
  }
  const std::size_t taken = std::min(size, ahead_.size());
  if (taken > allowance_) {
    problem_ = "the server sends more than was asked for";
    return -1;
  }
  allowance_ -= taken;
  std::memcpy(into, ahead_.data(), taken);
  ahead_.erase(0, taken);
  return static_cast<ssize_t>(taken);
}

ssize_t ImapStream::Write(const void* from, std::size_t size) {
  while (problem_.empty()) {
    std::size_t written = 0;
    const CURLcode code = curl_easy_send(curl_->easy, from, size, &written);
    if (code == CURLE_OK) return static_cast<ssize_t>(written);
    if (code != CURLE_AGAIN) {
      problem_ = curl_easy_strerror(code);
    } else if (WaitFor(Direction::kWrite, kPatience) == Waited::kTimeout) {
      problem_ = "the server has taken nothing for a minute";
    }
  }
  return -1;
}

}  // namespace mesg::services::email
