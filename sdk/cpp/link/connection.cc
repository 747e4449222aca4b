#include "link/connection.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>

#include "base/encoding.h"
#include "google/rpc/error_details.pb.h"

namespace mesg::sdk::internal {
namespace {

std::string Or(std::string value, const char* variable, const char* otherwise) {
  if (!value.empty()) return value;
  const char* const found = std::getenv(variable);
  return found != nullptr && *found != '\0' ? found : otherwise;
}

void LogToStderr(std::string_view sentence) {
  std::fprintf(stderr, "mesg: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);                   // Core's own limit holds.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // A peer that vanished without a word is noticed in little over a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

// After which somebody should know that Core cannot be reached.
constexpr std::chrono::seconds kPatience{2};
constexpr std::chrono::milliseconds kMoment{100};

Code ToCode(int code) { return code >= 1 && code <= 16 ? static_cast<Code>(code) : Code::kUnknown; }

}  // namespace

Connection::Connection(std::string endpoint, std::string token, Log log)
    : endpoint_(Or(std::move(endpoint), "MESG_ENDPOINT", "localhost:50052")),
      token_(Or(std::move(token), "MESG_TOKEN", "")),
      log_(log ? std::move(log) : LogToStderr),
      channel_(OpenChannel(endpoint_)) {}

void Connection::Authorize(grpc::ClientContext& context) const {
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
}

bool Connection::WaitReachable() {
  const bool ready = channel_->WaitForConnected(std::chrono::system_clock::now() + kMoment);
  const auto now = std::chrono::steady_clock::now();
  {
    const std::scoped_lock lock(mutex_);
    if (ready) {
      unreachable_since_ = {};
      said_so_ = false;
      return true;
    }
    if (unreachable_since_ == std::chrono::steady_clock::time_point{}) unreachable_since_ = now;
    if (said_so_ || now - unreachable_since_ < kPatience) return false;
    said_so_ = true;
  }
  log_("Core at " + endpoint_ + " cannot be reached; trying on");
  return false;
}

Error ToError(const grpc::Status& status) {
  Error error{ToCode(status.error_code()), status.error_message()};
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return error;
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      error.reason = info.reason();
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        error.violations.push_back({.path = violation.field(), .reason = violation.description()});
      }
    }
  }
  return error;
}

Error ToError(const v1::CallError& wire) {
  Error error{ToCode(wire.code()), wire.message(), wire.reason()};
  for (const auto& violation : wire.violations()) {
    error.violations.push_back({.path = violation.field(), .reason = violation.description()});
  }
  return error;
}

bool IsFinal(const Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
    case Code::kUnimplemented:
    case Code::kUnauthenticated:
    case Code::kDataLoss:
      return true;
    case Code::kCancelled:
    case Code::kUnknown:
    case Code::kDeadlineExceeded:
    case Code::kResourceExhausted:
    case Code::kAborted:
    case Code::kInternal:
    case Code::kUnavailable:
      return false;
  }
  return false;
}

std::chrono::milliseconds Backoff(unsigned attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto whole = std::min(5'000, 50 << std::min(attempt, 7U));
  return std::chrono::milliseconds(std::uniform_int_distribution(whole / 2, whole)(random));
}

std::string UniqueId() { return ToBase58(RandomBytes(16)); }

void ToWire(const Event& event, v1::EventToEmit& wire) {
  wire.set_key(event.key);
  wire.set_data(event.json);
  wire.set_id(event.id);
  wire.set_time_us(ToMicros(event.time));
  wire.set_traceparent(event.traceparent);
}

void ToWire(const KeyChange& change, v1::KeyChange& wire) {
  wire.set_key(change.key);
  if (change.json) {
    wire.set_put(*change.json);
  } else {
    wire.set_delete_(true);
  }
  if (change.expected_version) wire.set_expected_version(*change.expected_version);
}

Result<void> CallUntil(Connection& connection, std::chrono::milliseconds timeout,
                       const std::function<grpc::Status(grpc::ClientContext&)>& call) {
  const auto end = std::chrono::system_clock::now() + timeout;
  const bool bounded = timeout.count() > 0;
  for (unsigned attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    connection.Authorize(context);
    context.set_wait_for_ready(true);
    if (bounded) context.set_deadline(end);
    const grpc::Status status = call(context);
    if (status.ok()) return {};
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return ToError(status);
    const auto pause = Backoff(attempt);
    if (bounded && std::chrono::system_clock::now() + pause >= end) return ToError(status);
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace mesg::sdk::internal
