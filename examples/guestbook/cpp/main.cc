// The service `guestbook`: its entries become events, the task `write` writes one. See mesg.yml.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <connector/environment.h>
#include <connector/input.h>
#include <connector/position.h>
#include <connector/upkeep.h>
#include <curl/curl.h>
#include <mesg/json.h>
#include <mesg/service.h>

namespace {

using mesg::Result;
using mesg::services::Input;
using mesg::services::Position;
using mesg::services::Upkeep;

struct Config {
  std::string url;
  std::string token;
  std::chrono::milliseconds every{};
};

Result<Config> ReadConfig() {
  const mesg::services::Environment environment;
  const std::string token = MESG_TRY(environment.Required("TOKEN"));
  const std::int64_t every = MESG_TRY(environment.Number("EVERY_MS", 500, 1, 3'600'000));
  return Config{
      .url = environment.Text("URL"), .token = token, .every = std::chrono::milliseconds(every)};
}

struct Answer {
  long status = 0;
  std::string body;
};

std::size_t Keep(const char* bytes, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(bytes, size * count);
  return size * count;
}

// Gets `path`, or posts `text` to it under the key `id`. Unavailable when nobody answers.
Result<Answer> Ask(const Config& config, const std::string& path, const std::string* text = nullptr,
                   const std::string& id = {}) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  curl_slist* headers =
      curl_slist_append(nullptr, ("Authorization: Bearer " + config.token).c_str());
  if (text != nullptr) {
    headers = curl_slist_append(headers, ("Idempotency-Key: " + id).c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(text->size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text->c_str());
  }
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> owned(headers, curl_slist_free_all);
  Answer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, (config.url + path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 5000L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
    return mesg::Unavailable("no answer from {}: {}", config.url, curl_easy_strerror(code));
  }
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  while (answer.status != 200 && answer.body.ends_with('\n')) answer.body.pop_back();
  return answer;
}

Result<void> ExpectOk(const Answer& answer) {
  if (answer.status == 200) return {};
  return mesg::FailedPrecondition("it answered {}: {}", answer.status, answer.body);
}

// The execution's id is the same for each attempt: however often this is tried, there is one entry.
Result<mesg::sdk::Outputs> Write(const Config& config, const mesg::sdk::Task& task) {
  const Input inputs = MESG_TRY(Input::Read(task.inputs()));
  const std::string text = MESG_TRY(inputs["text"].Plain("text"));
  const Answer answer = MESG_TRY(Ask(config, "/entries", &text, task.execution_id()));
  if (answer.status == 422) return mesg::sdk::Permanent(mesg::InvalidArgument("{}", answer.body));
  MESG_TRY(ExpectOk(answer));
  const std::string id = answer.body.substr(0, answer.body.find('\n'));
  return mesg::sdk::Outputs{.json = mesg::sdk::JsonObject().Add("id", id).Take()};
}

// Emits what is behind our position and moves it, in one commit. Says whether there was something.
Result<bool> Look(const Config& config, Position& position, const Upkeep::Session& session) {
  const std::int64_t from = position.Current() ? std::stoll(*position.Current()) : 0;
  const Answer answer = MESG_TRY(Ask(config, "/entries?from=" + std::to_string(from)));
  MESG_TRY(ExpectOk(answer));
  std::vector<mesg::sdk::Event> events;
  std::size_t begin = 0;
  // The last line may not be whole yet.
  for (std::size_t end = 0; (end = answer.body.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    const std::string line = answer.body.substr(begin, end - begin);
    const Input entry = MESG_TRY(Input::Read(line));
    events.push_back({.key = "entry", .json = line, .id = entry["id"].text});
  }
  if (events.empty()) return false;
  MESG_TRY(position.Move(events, std::to_string(from + static_cast<std::int64_t>(begin)),
                         session.Stop()));
  return true;
}

// One connection to the guestbook, until it fails or is to end. Upkeep calls it again.
Result<void> Follow(const Config& config, mesg::sdk::Service& service, Upkeep::Session& session) {
  Position position(service, "position");
  MESG_TRY(position.Load(session.Stop()));
  while (!session.Stopping()) {
    const bool more = MESG_TRY(Look(config, position, session));
    session.Up();
    if (!more) session.Pause(config.every);
  }
  return {};
}

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "guestbook: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto config = ReadConfig();
  if (!config) return Die(config.error());

  mesg::sdk::Service service;  // MESG_ENDPOINT and MESG_TOKEN say where and who.
  service.OnTask("write", [&](const mesg::sdk::Task& task) { return Write(*config, task); });
  const Upkeep upkeep(
      "the guestbook", [&](Upkeep::Session& session) { return Follow(*config, service, session); },
      [&](std::string problem) { service.ReportHealth(std::move(problem)); });
  const auto ended = service.RunUntilSignal();
  return ended ? 0 : Die(ended.error());
}
