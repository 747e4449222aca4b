#include "nats/handles.h"

#include <map>
#include <vector>

#include "base/encoding.h"
#include "connector/payload.h"

namespace mesg::services::nats {
namespace {

constexpr std::int64_t kConnectMs = 5'000;
constexpr std::int64_t kPingMs = 10'000;
// With the payload they must fit an event.
constexpr std::size_t kMostHeaders = 512 * 1024;

void Befallen(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsStatus status,
              void* closure) {
  (*static_cast<const OnError*>(closure))(status);
}

natsStatus SetOptions(natsOptions* options, const Config& config, const OnError* on_error) {
  std::vector<const char*> urls;
  for (const std::string& url : config.urls) urls.push_back(url.c_str());
  natsStatus status = natsOptions_SetServers(options, urls.data(), static_cast<int>(urls.size()));
  const auto set = [&](natsStatus next) {
    if (status == NATS_OK) status = next;
  };
  set(natsOptions_SetName(options, "mesg"));
  set(natsOptions_SetTimeout(options, kConnectMs));
  set(natsOptions_SetPingInterval(options, kPingMs));
  set(natsOptions_SetAllowReconnect(options, false));
  if (!config.user.empty()) {
    set(natsOptions_SetUserInfo(options, config.user.c_str(), config.password.c_str()));
  }
  if (!config.token.empty()) set(natsOptions_SetToken(options, config.token.c_str()));
  if (!config.creds_file.empty()) {
    set(natsOptions_SetUserCredentialsFromFiles(options, config.creds_file.c_str(), nullptr));
  }
  if (!config.ca_file.empty()) {
    set(natsOptions_SetSecure(options, true));
    set(natsOptions_LoadCATrustedCertificates(options, config.ca_file.c_str()));
  }
  if (on_error != nullptr) {
    set(natsOptions_SetErrorHandler(options, Befallen, const_cast<OnError*>(on_error)));
  }
  return status;
}

std::string HeadersOf(natsMsg* message) {
  const char** keys = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK) return "{}";
  // Under their quoted form: names that are not UTF-8 may become one.
  std::map<std::string, std::vector<std::string>> headers;
  for (int i = 0; i < count; ++i) {
    const char** values = nullptr;
    int several = 0;
    if (natsMsgHeader_Values(message, keys[i], &values, &several) != NATS_OK) continue;
    for (int j = 0; j < several; ++j) headers[QuoteJson(keys[i])].push_back(QuoteJson(values[j]));
    std::free(values);
  }
  std::free(keys);
  std::string json = "{";
  for (const auto& [name, values] : headers) {
    json += (json.size() > 1 ? "," : "") + name + ":";
    if (values.size() > 1) json += "[";
    for (std::size_t i = 0; i < values.size(); ++i) json += (i > 0 ? "," : "") + values[i];
    if (values.size() > 1) json += "]";
  }
  return json + "}";
}

}  // namespace

Error Failed(natsStatus status, std::string_view doing) {
  natsStatus last = NATS_OK;
  const char* const more = nats_GetLastError(&last);
  std::string text = natsStatus_GetText(status);
  if (last == status && more != nullptr) {
    // It begins with a place in the library's source: "(conn.c:123): ".
    const std::string_view all = more;
    const auto behind = all.find("): ");
    text = all.substr(behind == std::string_view::npos ? 0 : behind + 3);
  }
  return Unavailable("{}: {}", doing, text);
}

Result<ConnectionHandle> Connect(const Config& config, const OnError* on_error) {
  natsOptions* made = nullptr;
  if (natsOptions_Create(&made) != NATS_OK) return Internal("no memory for a connection");
  const std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>> options(made);
  natsStatus status = SetOptions(options.get(), config, on_error);
  if (status != NATS_OK) return Failed(status, "cannot use this configuration");
  natsConnection* connection = nullptr;
  status = natsConnection_Connect(&connection, options.get());
  if (status != NATS_OK) return Failed(status, "cannot connect");
  return ConnectionHandle(connection);
}

Result<JetStreamHandle> JetStreamOf(natsConnection* connection) {
  jsCtx* context = nullptr;
  const natsStatus status = natsConnection_JetStream(&context, connection, nullptr);
  if (status != NATS_OK) return Failed(status, "cannot use JetStream");
  return JetStreamHandle(context);
}

void AddContent(sdk::JsonObject& event, natsMsg* message) {
  const std::string_view payload(natsMsg_GetData(message),
                                 static_cast<std::size_t>(natsMsg_GetDataLength(message)));
  const std::string headers = HeadersOf(message);
  const bool too_many = headers.size() > kMostHeaders;
  event.AddRaw("headers", too_many ? "{}" : headers);
  AddPayload(event, payload);
  if (too_many && payload.size() <= kMostPayload) {
    event.Add("cut", headers.size() + payload.size());
  }
}

}  // namespace mesg::services::nats
