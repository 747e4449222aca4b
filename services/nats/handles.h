#pragma once

// cnats, for the .cc files of this folder only.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <nats/nats.h>

#include "base/result.h"
#include "mesg/json.h"
#include "nats/config.h"

namespace mesg::services::nats {

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};

using ConnectionHandle = std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>>;
using SubscriptionHandle = std::unique_ptr<natsSubscription, Destroy<natsSubscription_Destroy>>;
using MessageHandle = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;
using JetStreamHandle = std::unique_ptr<jsCtx, Destroy<jsCtx_Destroy>>;

/// What went wrong, in the library's words. Its text of the last error says more, when it is about
/// this one.
Error Failed(natsStatus status, std::string_view doing);

/// One connection, which is not made again by itself: what it missed must be told. `on_error` is
/// called from the library's threads with what befalls it, NATS_SLOW_CONSUMER and the like; its
/// owner outlives the library.
using OnError = std::function<void(int status)>;
Result<ConnectionHandle> Connect(const Config& config, const OnError* on_error = nullptr);
Result<JetStreamHandle> JetStreamOf(natsConnection* connection);

/// Adds `headers`, `payload`, `base64` and perhaps `cut`.
void AddContent(sdk::JsonObject& event, natsMsg* message);

}  // namespace mesg::services::nats
