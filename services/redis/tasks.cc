#include "redis/tasks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/encoding.h"
#include "connector/input.h"
#include "mesg/json.h"

namespace mesg::services::redis {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::size_t kMostBytes = 2 * 1024 * 1024;  // Of an answer, which may grow in base64.
constexpr std::size_t kMostJson = 4 * 1024 * 1024 - 64 * 1024;
constexpr std::string_view kDayInSeconds = "86400";

// These turn the connection into something else, or wait for what comes after them.
constexpr std::array<std::string_view, 17> kNotForTasks = {
    "AUTH",   "CLIENT",     "DISCARD",    "EXEC",      "HELLO",    "MONITOR",
    "MULTI",  "PSUBSCRIBE", "PSYNC",      "QUIT",      "REPLCONF", "RESET",
    "SELECT", "SYNC",       "SSUBSCRIBE", "SUBSCRIBE", "WATCH"};

constexpr std::string_view kAddScript = R"(
local known = redis.call('GET', KEYS[2])
if known then return known end
local command = {'XADD', KEYS[1]}
if ARGV[2] ~= '' then
  command[3], command[4], command[5] = 'MAXLEN', '~', ARGV[2]
end
command[#command + 1] = '*'
for i = 3, #ARGV do command[#command + 1] = ARGV[i] end
local id = redis.call(unpack(command))
redis.call('SET', KEYS[2], id, 'EX', ARGV[1])
return id
)";
constexpr std::size_t kMostFields = 1'000;  // Lua's unpack has a limit.

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

Result<std::string> Bytes(const Input& input, bool base64, const std::string& name) {
  std::string text = MESG_TRY(input.Plain(name));
  if (!base64) return text;
  auto bytes = sdk::FromBase64(text);
  if (!bytes) return InvalidArgument("{}: expected base64 with padding", name);
  return bytes;
}

// Not now, but perhaps at the next attempt: none of these has done anything.
bool IsPassing(std::string_view error) {
  constexpr std::array<std::string_view, 7> kPassing = {
      "LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY", "OOM"};
  return std::ranges::any_of(kPassing, [&](std::string_view word) {
    return error.starts_with(word) && error.substr(word.size()).starts_with(' ');
  });
}

Error Refused(const Reply& reply) {
  Error error = FailedPrecondition("Redis says: {}", reply.text);
  return IsPassing(reply.text) ? error : sdk::Permanent(std::move(error));
}

}  // namespace

Result<Command> ReadCommand(std::string_view inputs) {
  const Input input = MESG_TRY(Input::Read(inputs));
  Command command;
  for (const Input& item : input["args"].items) {
    const std::string name = fmt::format("args[{}]", command.size());
    const bool other = item.kind == Input::Kind::kObject;
    if (other && item["base64"].kind != Input::Kind::kText) {
      return InvalidArgument("{}: expected text, a number or {{base64: text}}", name);
    }
    command.push_back(MESG_TRY(Bytes(other ? item["base64"] : item, other, name)));
  }
  if (command.empty()) return InvalidArgument("args: expected a command, the list is empty");
  const std::string first = Upper(command.front());
  if (std::ranges::find(kNotForTasks, first) != kNotForTasks.end()) {
    return InvalidArgument("args[0]: {} is not for a task, since it changes the connection{}",
                           first,
                           first.ends_with("SUBSCRIBE") ? "; name the channel in CHANNELS" : "");
  }
  return command;
}

Result<Command> ReadAdd(std::string_view inputs, std::string_view execution) {
  const Input input = MESG_TRY(Input::Read(inputs));
  const std::string& stream = input["stream"].text;
  if (stream.empty()) return InvalidArgument("stream: expected a name, it is empty");
  const std::int64_t most =
      MESG_TRY(input["max_length"].Whole("max_length", 0, 1, 1'000'000'000'000));
  Command command{"EVAL",
                  std::string(kAddScript),
                  "2",
                  stream,
                  fmt::format("mesg:add:{}:{}", stream, execution),
                  std::string(kDayInSeconds),
                  most > 0 ? std::to_string(most) : ""};
  const std::size_t begin = command.size();
  const Input& fields = input["fields"];
  for (std::size_t i = 0; i < fields.names.size(); ++i) {
    const std::string& name = fields.names[i];
    const Input& content = fields.items[i];
    const bool base64 = std::ranges::any_of(input["base64"].items,
                                            [&](const Input& each) { return each.text == name; });
    const bool several = content.kind == Input::Kind::kList;
    for (const Input& each : several ? content.items : std::vector<Input>{content}) {
      command.push_back(name);
      command.push_back(MESG_TRY(Bytes(each, base64, "fields." + name)));
    }
  }
  const std::size_t count = (command.size() - begin) / 2;
  if (count == 0 || count > kMostFields) {
    return InvalidArgument("fields: expected 1 to {} fields, got {}", kMostFields, count);
  }
  return command;
}

std::string ReplyToJson(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return "null";
    case Reply::Kind::kNumber:
      return std::to_string(reply.number);
    case Reply::Kind::kText:
      if (IsUtf8(reply.text)) return QuoteJson(reply.text);
      return sdk::JsonObject().Add("base64", sdk::ToBase64(reply.text)).Take();
    case Reply::Kind::kError:
      return sdk::JsonObject().Add("error", reply.text).Take();
    case Reply::Kind::kList:
      break;
  }
  std::string list = "[";
  for (const Reply& item : reply.items) list += (list.size() > 1 ? "," : "") + ReplyToJson(item);
  return list + "]";
}

Tasks::Tasks(const Config& config) : config_(config) { config_.most_bytes = kMostBytes; }

Result<Connection> Tasks::Borrow() {
  while (true) {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) break;
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection.Stands()) return connection;
  }
  return Connection::Open(config_);
}

void Tasks::GiveBack(Connection connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

Result<sdk::Outputs> Tasks::PerformCommand(const sdk::Task& task) {
  const auto command = ReadCommand(task.inputs());
  if (!command) return sdk::Permanent(command.error());
  Connection connection = MESG_TRY(Borrow());
  // A command that did not leave in full is none to Redis: it may be tried again.
  MESG_TRY(connection.Send(*command));
  const auto reply = connection.Read(kPatience);
  if (!reply) {
    return sdk::Permanent(
        Annotate(reply.error(),
                 "the command was sent and may have been performed, but its answer "
                 "did not come"));
  }
  GiveBack(std::move(connection));
  if (reply->IsError()) return Refused(*reply);
  std::string json = ReplyToJson(*reply);
  if (json.size() > kMostJson) {
    return sdk::Permanent(ResourceExhausted(
        "the command was performed, but its answer of {} bytes is too large; ask for less",
        json.size()));
  }
  return sdk::Outputs{.json = sdk::JsonObject().AddRaw("reply", json).Take()};
}

Result<sdk::Outputs> Tasks::PerformAdd(const sdk::Task& task) {
  const auto command = ReadAdd(task.inputs(), task.execution_id());
  if (!command) return sdk::Permanent(command.error());
  Connection connection = MESG_TRY(Borrow());
  const Reply reply = MESG_TRY(connection.Ask(*command, kPatience));
  GiveBack(std::move(connection));
  if (reply.IsError()) return Refused(reply);
  return sdk::Outputs{.json = sdk::JsonObject().Add("id", reply.text).Take()};
}

}  // namespace mesg::services::redis
