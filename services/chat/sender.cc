#include "chat/sender.h"

#include <algorithm>
#include <future>
#include <utility>

namespace mesg::services::chat {
namespace {

// http names the address, which is a secret here.
Error WithoutUrl(const Error& error, const std::string& url, const std::string& name) {
  Error hidden = error;
  if (hidden.message.starts_with(url)) hidden.message = name + hidden.message.substr(url.size());
  return hidden;
}

}  // namespace

Result<std::string> Sender::Send(const http::Request& request, TimePoint deadline,
                                 const std::function<bool()>& cancelled) {
  while (true) {
    MESG_TRY(AwaitTurn(deadline, cancelled));
    std::promise<Result<http::Response>> promise;
    client_.Start(request, [&promise](Result<http::Response> response) {
      promise.set_value(std::move(response));
    });
    const Result<http::Response> response = promise.get_future().get();
    if (!response) return WithoutUrl(response.error(), request.url, config_.name);
    const auto pause = RetryAfter(*response);
    if (!pause) return ReadResponse(config_, *response);
    const std::scoped_lock lock(mutex_);
    not_before_ = std::max(not_before_, SystemClock().Now() + *pause);
  }
}

void Sender::Wake() {
  const std::scoped_lock lock(mutex_);
  wake_.notify_all();
}

Result<void> Sender::AwaitTurn(TimePoint deadline, const std::function<bool()>& cancelled) {
  const SystemClock clock;
  std::unique_lock lock(mutex_);
  while (true) {
    if (cancelled()) return Cancelled("the message is not wanted any more");
    const TimePoint now = clock.Now();
    if (now >= not_before_) return {};
    if (not_before_ >= deadline) {
      return Unavailable(
          "{} takes no more messages for {}", config_.name,
          FormatDuration(std::chrono::ceil<std::chrono::milliseconds>(not_before_ - now)));
    }
    wake_.wait_for(lock, not_before_ - now);
  }
}

}  // namespace mesg::services::chat
