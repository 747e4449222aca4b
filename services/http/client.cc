#include "http/client.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <curl/curl.h>

namespace mesg::services::http {
namespace {

constexpr int kPollMs = 1'000;
constexpr long kConnectTimeoutMs = 15'000;
constexpr std::size_t kMostHeaderBytes = 256 * 1024;

// One request under way: what libcurl writes into lives here.
struct Transfer {
  Request request;
  Client::Done done;
  Response response;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::size_t header_bytes = 0;
  bool too_large = false;
  std::string detail = std::string(CURL_ERROR_SIZE, '\0');
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    curl_slist_free_all(headers);
    if (easy != nullptr) curl_easy_cleanup(easy);
  }
};

std::size_t TakeBody(char* data, std::size_t, std::size_t size, void* into) {
  auto& transfer = *static_cast<Transfer*>(into);
  if (transfer.response.body.size() + size > transfer.request.max_bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, size);
  return size;
}

std::size_t TakeHeader(char* data, std::size_t, std::size_t size, void* into) {
  auto& transfer = *static_cast<Transfer*>(into);
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {  // Of the next response: a redirect or 1xx came before.
    transfer.response.headers.clear();
    return size;
  }
  transfer.header_bytes += size;
  if (transfer.header_bytes > kMostHeaderBytes) {
    transfer.too_large = true;
    return 0;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  line.remove_prefix(colon + 1);
  const auto first = line.find_first_not_of(" \t\r\n");
  const auto last = line.find_last_not_of(" \t\r\n");
  transfer.response.headers.emplace_back(
      std::move(name), first == std::string_view::npos ? "" : line.substr(first, last - first + 1));
  return size;
}

Error ToError(CURLcode code, const Transfer& transfer) {
  const char* const detail =
      transfer.detail.front() != '\0' ? transfer.detail.c_str() : curl_easy_strerror(code);
  const std::string& url = transfer.request.url;
  if (transfer.too_large) {
    return FailedPrecondition("{}: the response is larger than {} bytes", url,
                              transfer.request.max_bytes);
  }
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return InvalidArgument("{}: {}", url, detail);
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return FailedPrecondition("{}: {}", url, detail);
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded("{}: {}", url, detail);
    default:
      return Unavailable("{}: {}", url, detail);
  }
}

void SetMethod(const Transfer& transfer) {
  const Request& request = transfer.request;
  CURL* const easy = transfer.easy;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
  } else if (request.method != "GET" || request.has_body) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.has_body || request.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
}

void SetUp(Transfer& transfer, const std::string& ca_file) {
  const Request& request = transfer.request;
  CURL* const easy = transfer.easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.detail.data());
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request.max_redirects > 0 ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, static_cast<long>(request.max_redirects));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING,
                   "");  // All it knows; the limit is on what comes out.
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "mesg-http");
  if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  SetMethod(transfer);
  // libcurl would wait a second for a "100 Continue" that many servers never send.
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  if (request.has_body) {  // Not the form's type that libcurl would claim.
    transfer.headers = curl_slist_append(transfer.headers, "Content-Type:");
  }
  for (const auto& [name, text] : request.headers) {
    // A header without a text is written with a semicolon.
    std::string line = name;
    line.append(text.empty() ? ";" : ": ").append(text);
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
}

}  // namespace

class Client::Loop {
 public:
  explicit Loop(std::string ca_file) : ca_file_(std::move(ca_file)) {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    MESG_CHECK(once == CURLE_OK);
    multi_ = curl_multi_init();
    thread_ = std::thread([this] { Run(); });
  }

  ~Loop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  std::uint64_t Start(Request request, Done done) {
    auto transfer = std::make_unique<Transfer>();
    transfer->request = std::move(request);
    transfer->done = std::move(done);
    std::uint64_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      number = next_++;
      starts_.emplace_back(number, std::move(transfer));
    }
    curl_multi_wakeup(multi_);
    return number;
  }

  void Cancel(std::uint64_t number) {
    {
      const std::scoped_lock lock(mutex_);
      cancels_.push_back(number);
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void Run() {
    while (TakeOrders()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      Collect();
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    while (!transfers_.empty()) {
      End(transfers_.begin(), mesg::Cancelled("the service is stopping"));
    }
  }

  // False when it is time to stop.
  bool TakeOrders() {
    std::deque<std::pair<std::uint64_t, std::unique_ptr<Transfer>>> starts;
    std::vector<std::uint64_t> cancels;
    bool stopping = false;
    {
      const std::scoped_lock lock(mutex_);
      starts.swap(starts_);
      cancels.swap(cancels_);
      stopping = stopping_;
    }
    for (auto& [number, transfer] : starts) {
      SetUp(*transfer, ca_file_);
      curl_multi_add_handle(multi_, transfer->easy);
      transfers_.emplace(number, std::move(transfer));
    }
    for (const std::uint64_t number : cancels) {
      const auto found = transfers_.find(number);
      if (found != transfers_.end()) End(found, mesg::Cancelled("the request was cancelled"));
    }
    return !stopping;
  }

  void Collect() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* const easy = message->easy_handle;
      const auto found =
          std::ranges::find(transfers_, easy, [](const auto& entry) { return entry.second->easy; });
      if (found == transfers_.end()) continue;
      Transfer& transfer = *found->second;
      if (code != CURLE_OK) {
        End(found, ToError(code, transfer));
        continue;
      }
      long status = 0;
      const char* url = nullptr;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
      transfer.response.status = static_cast<int>(status);
      transfer.response.url = url != nullptr ? url : transfer.request.url;
      transfer.response.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - transfer.begun);
      End(found, std::move(transfer.response));
    }
  }

  using Transfers = std::map<std::uint64_t, std::unique_ptr<Transfer>>;
  void End(Transfers::iterator at, Result<Response> result) {
    const auto transfer = std::move(at->second);
    transfers_.erase(at);
    curl_multi_remove_handle(multi_, transfer->easy);
    transfer->done(std::move(result));
  }

  const std::string ca_file_;
  CURLM* multi_ = nullptr;
  Transfers transfers_;  // The thread's own.
  std::mutex mutex_;
  std::deque<std::pair<std::uint64_t, std::unique_ptr<Transfer>>> starts_;
  std::vector<std::uint64_t> cancels_;
  std::uint64_t next_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

Client::Client(std::string ca_file) : loop_(std::make_unique<Loop>(std::move(ca_file))) {}
Client::~Client() = default;
std::uint64_t Client::Start(Request request, Done done) {
  return loop_->Start(std::move(request), std::move(done));
}
void Client::Cancel(std::uint64_t number) { loop_->Cancel(number); }

}  // namespace mesg::services::http
