#include "mqtt/client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <mosquitto.h>
#include <poll.h>

namespace mesg::services::mqtt {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{10};
constexpr milliseconds kSlice{100};
constexpr int kRefused = 128;  // Instead of a granted quality of service.

struct Library {
  Library() { mosquitto_lib_init(); }
};

struct DestroyMosquitto {
  void operator()(mosquitto* handle) const { mosquitto_destroy(handle); }
};

Error Failed(int code, std::string_view doing) {
  return Unavailable("{}: {}", doing, mosquitto_strerror(code));
}

}  // namespace

struct Client::State {
  std::unique_ptr<mosquitto, DestroyMosquitto> handle;
  Hearer hearer;
  std::optional<int> welcome;  // The broker's answer to our coming.
  bool known = false;
  int subscribed = 0;  // The id of the last subscription that was answered.
  int granted = kRefused;
  int published = 0;  // The id of the last message that arrived.

  void SetCallbacks() const;
};

void Client::State::SetCallbacks() const {
  mosquitto* const to = handle.get();
  mosquitto_connect_with_flags_callback_set(to, [](mosquitto*, void* at, int code, int flags) {
    State& state = *static_cast<State*>(at);
    state.welcome = code;
    state.known = (flags & 1) != 0;
  });
  mosquitto_subscribe_callback_set(to, [](mosquitto*, void* at, int id, int count, const int* qos) {
    State& state = *static_cast<State*>(at);
    state.subscribed = id;
    state.granted = count > 0 ? qos[0] : kRefused;
  });
  mosquitto_publish_callback_set(
      to, [](mosquitto*, void* at, int id) { static_cast<State*>(at)->published = id; });
  mosquitto_message_callback_set(to, [](mosquitto*, void* at, const mosquitto_message* message) {
    const auto& take = static_cast<State*>(at)->hearer.take;
    if (!take) return;
    take({.topic = message->topic,
          .payload = {static_cast<const char*>(message->payload),
                      static_cast<std::size_t>(message->payloadlen)},
          .qos = message->qos,
          .retain = message->retain});
  });
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}

Client::~Client() {
  // A farewell would take the acknowledgements along of what was not settled.
  if (state_->hearer.settle) return;
  mosquitto_disconnect(state_->handle.get());
  mosquitto_loop_write(state_->handle.get(), 1);
}

Result<std::unique_ptr<Client>> Client::Open(const Config& config, Hearer hearer,
                                             const std::stop_token& stop) {
  static const Library library;
  auto state = std::make_unique<State>();
  State& made = *state;
  made.hearer = std::move(hearer);
  const std::string& id = made.hearer.client_id;
  mosquitto* const handle =
      mosquitto_new(id.empty() ? nullptr : id.c_str(), /*clean_session=*/id.empty(), &made);
  if (handle == nullptr) return Internal("no memory for a connection");
  made.handle.reset(handle);
  // The library answers a message before it hands it over, and would send the answer at once. It
  // leaves the sending to another thread when it is told that there is one: that is Flush().
  mosquitto_threaded_set(handle, true);
  made.SetCallbacks();
  const Address& address = config.address;
  if (!address.user.empty() || !address.password.empty()) {
    mosquitto_username_pw_set(handle, address.user.c_str(), address.password.c_str());
  }
  if (address.scheme == "mqtts") {
    const bool own = !config.ca_file.empty();
    const int code = mosquitto_tls_set(handle, own ? config.ca_file.c_str() : nullptr,
                                       own ? nullptr : "/etc/ssl/certs", nullptr, nullptr, nullptr);
    if (code != MOSQ_ERR_SUCCESS) return Failed(code, "cannot use CA_FILE");
  }
  const int code = mosquitto_connect(handle, address.host.c_str(), address.port, config.keepalive);
  if (code != MOSQ_ERR_SUCCESS) return Failed(code, "cannot connect");
  std::unique_ptr<Client> client(new Client(std::move(state)));
  MESG_TRY(client->Until([&] { return made.welcome.has_value(); }, stop));
  if (*made.welcome != 0) {
    return PermissionDenied("the broker refused the connection: {}",
                            mosquitto_connack_string(*made.welcome));
  }
  return client;
}

bool Client::Known() const { return state_->known; }

Result<void> Client::Subscribe(const Config::Topic& topic, const std::stop_token& stop) {
  int id = 0;
  const int code =
      mosquitto_subscribe(state_->handle.get(), &id, topic.filter.c_str(), std::min(topic.qos, 1));
  if (code != MOSQ_ERR_SUCCESS) return Failed(code, "cannot subscribe to " + topic.filter);
  MESG_TRY(Until([&] { return state_->subscribed == id; }, stop));
  if (state_->granted == kRefused) {
    return PermissionDenied("the broker refused the subscription to {}", topic.filter);
  }
  return {};
}

Result<void> Client::Publish(const std::string& topic, std::string_view payload, int qos,
                             bool retain) {
  int id = 0;
  const int code = mosquitto_publish(state_->handle.get(), &id, topic.c_str(),
                                     static_cast<int>(payload.size()), payload.data(), qos, retain);
  if (code != MOSQ_ERR_SUCCESS) return Failed(code, "cannot publish");
  return Until([&] { return state_->published == id; }, {});
}

Result<void> Client::Until(const std::function<bool()>& holds, const std::stop_token& stop) {
  const auto deadline = Steady::now() + kPatience;
  while (!holds()) {
    MESG_TRY(Flush());
    if (holds()) return {};
    if (stop.stop_requested()) return Cancelled("the service stops");
    if (Steady::now() > deadline) {
      return Unavailable("the broker did not answer in {}", FormatDuration(kPatience));
    }
    MESG_TRY(Read(kSlice));
  }
  return {};
}

Result<void> Client::Read(Duration patience) {
  mosquitto* const handle = state_->handle.get();
  pollfd poll_one{mosquitto_socket(handle), POLLIN, 0};
  if (mosquitto_want_write(handle)) poll_one.events |= POLLOUT;
  if (poll_one.fd < 0) return Unavailable("the connection was lost");
  const auto time = std::chrono::ceil<milliseconds>(patience).count();
  if (::poll(&poll_one, 1, static_cast<int>(time)) <= 0) return {};
  if ((poll_one.revents & (POLLIN | POLLERR | POLLHUP)) == 0) return {};
  const int code = mosquitto_loop_read(handle, 1);
  if (code != MOSQ_ERR_SUCCESS) return Failed(code, "the connection was lost");
  return {};
}

Result<void> Client::Flush() {
  if (state_->hearer.settle) MESG_TRY(state_->hearer.settle());
  mosquitto* const handle = state_->handle.get();
  int code = mosquitto_loop_misc(handle);
  if (code == MOSQ_ERR_SUCCESS) code = mosquitto_loop_write(handle, 1);
  if (code != MOSQ_ERR_SUCCESS) return Failed(code, "the connection was lost");
  return {};
}

}  // namespace mesg::services::mqtt
