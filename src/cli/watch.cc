#include "cli/watch.h"

#include <algorithm>

namespace mesg::cli {
namespace {

using ::mesg::v1::ListenRequest;
using ::mesg::v1::ListenResponse;

constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{1000};

}  // namespace

Result<void> KeepConnected(Context& context, const ListenOnce& listen) {
  const std::stop_token stop = context.stop();
  bool connected_once = false;
  std::chrono::milliseconds pause = kFirstPause;
  while (true) {
    const auto ready = [&] {
      if (connected_once) context.Tell("Connected to Core again.");
      connected_once = true;
      pause = kFirstPause;
    };
    const Result<bool> over = listen(ready);
    if ((over && *over) || stop.stop_requested()) return {};
    const bool may_come_back = connected_once && (over || over.error().code == Code::kUnavailable);
    if (!may_come_back) return over ? Result<void>() : over.error();
    if (pause == kFirstPause) context.terminal().Say("The connection to Core ended, trying again.");
    if (!Pause(stop, pause)) return {};
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<void> Watch(Context& context, ListenRequest::Open open,
                   const std::function<bool(const ::mesg::v1::Item&)>& on_item) {
  const bool named = open.has_subscription();
  return KeepConnected(context, [&](const std::function<void()>& ready) -> Result<bool> {
    bool over = false;
    const auto on_response = [&](const ListenResponse& response) {
      if (response.ready()) ready();
      Client::Heard heard;
      for (const auto& item : response.items()) {
        if (on_item(item)) continue;
        over = true;
        heard.go_on = false;
        // What comes behind it in this batch was not shown: acknowledge no further than this item.
        if (named)
          heard.acknowledge = item.has_event() ? item.event().position() : item.result().position();
        return heard;
      }
      if (!response.position().empty()) {
        if (named && response.items_size() > 0) heard.acknowledge = response.position();
        if (!named) open.set_after_position(response.position());
      }
      return heard;
    };
    MESG_TRY(context.client().Listen(open, on_response, context.stop()));
    return over;
  });
}

}  // namespace mesg::cli
