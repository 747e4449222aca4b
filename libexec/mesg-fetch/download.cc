#include <array>
#include <cerrno>
#include <memory>

#include <curl/curl.h>
#include <fcntl.h>

#include "runtime/process/spawn.h"
#include "tasks.h"

namespace mesg::fetch {
namespace {

struct Transfer {
  const runtime::HelperRequest& request;
  Report& report;
  runtime::UniqueFd file;
  std::uint64_t bytes = 0;
  Result<void> result = {};
};

std::size_t OnBytes(char* data, std::size_t, std::size_t size, void* context) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  const std::uint64_t limit = transfer.request.limits.max_archive_bytes;
  if (size > limit - transfer.bytes) {
    transfer.result = ResourceExhausted("the archive is larger than {} MiB", limit >> 20);
    return 0;
  }
  transfer.result = WriteAll(transfer.file, data, size);
  if (!transfer.result) return 0;
  transfer.bytes += size;
  transfer.report.Progress("downloaded " + Size(transfer.bytes));
  return size;
}

Error Explain(CURLcode code, CURL* curl, const char* detail) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    if (status == 404 || status == 410) return NotFound("the server says {}: not found", status);
    return Unavailable("the server says {}", status);
  }
  const char* text = *detail != '\0' ? detail : curl_easy_strerror(code);
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
    return InvalidArgument("{}", text);
  }
  return Unavailable("the download failed: {}", text);
}

}  // namespace

Result<runtime::HelperDone> Download(const runtime::HelperRequest& request, Report& report) {
  Transfer transfer{
      request, report,
      runtime::UniqueFd(open(request.into.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600))};
  if (!transfer.file) return Unavailable("cannot write: {}", runtime::ErrnoText(errno));
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return Internal("libcurl does not start");
  std::array<char, CURL_ERROR_SIZE> detail = {};
  // Patience: a connection within 20 s, then at least some bytes every 30 s. Core bounds the whole.
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.from.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "mesg");
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, OnBytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  const CURLcode code = curl_easy_perform(curl.get());
  if (!transfer.result) return transfer.result.error();
  if (code != CURLE_OK) return Explain(code, curl.get(), detail.data());
  return runtime::HelperDone{};
}

}  // namespace mesg::fetch
