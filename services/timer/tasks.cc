#include "timer/tasks.h"

#include <chrono>
#include <utility>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::timer {
namespace {

using simdjson::SUCCESS;
using namespace std::chrono_literals;

constexpr std::size_t kMostData = 64 * 1024;
constexpr Duration kLongest = 36'500 * 24h;

/// The fields of one flat object: text by name, and `data` as it is written.
struct Fields {
  std::string text;
  std::string data;
};

std::string_view Trim(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

/// `name` is the one that is text.
Result<Fields> ReadFields(const std::string& json, std::string_view name) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  Fields fields;
  if (parser.iterate(padded).get(document) != SUCCESS ||
      document.get_object().get(object) != SUCCESS) {
    return InvalidArgument("expected an object");
  }
  for (auto field : object) {
    std::string_view key;
    simdjson::ondemand::value value;
    if (field.unescaped_key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) {
      return InvalidArgument("broken JSON");
    }
    std::string_view found;
    if (key == name) {
      if (value.get_string().get(found) != SUCCESS)
        return InvalidArgument("{}: expected text", name);
      fields.text = found;
    } else if (key == "data") {
      if (simdjson::to_json_string(value).get(found) != SUCCESS) {
        return InvalidArgument("data: broken JSON");
      }
      fields.data = Trim(found);
    }
  }
  if (fields.data == "null") fields.data.clear();
  return fields;
}

Result<Alarm> MakeAlarm(TimePoint due, std::string data) {
  if (data.size() > kMostData) {
    return InvalidArgument("data: expected at most {} bytes of JSON, got {}", kMostData,
                           data.size());
  }
  return Alarm{due, std::move(data)};
}

sdk::Outputs AnswerOf(const std::string& id, TimePoint due) {
  return {.json = sdk::JsonObject().Add("id", id).Add("due", FormatTime(due)).Take()};
}

}  // namespace

std::string WriteAlarm(const Alarm& alarm) {
  sdk::JsonObject object;
  object.Add("due", FormatTime(alarm.due));
  if (!alarm.data.empty()) object.AddRaw("data", alarm.data);
  return object.Take();
}

Result<Alarm> ReadAlarm(const std::string& json) {
  Fields fields = MESG_TRY(ReadFields(json, "due"));
  const TimePoint due = MESG_TRY(ParseTime(fields.text));
  return Alarm{due, std::move(fields.data)};
}

Result<Alarm> ReadAfter(const std::string& inputs, TimePoint now) {
  Fields fields = MESG_TRY(ReadFields(inputs, "duration"));
  const auto duration = ParseDuration(fields.text);
  if (!duration || *duration > kLongest) {
    return InvalidArgument(
        "duration: expected one such as 90s, 1h30m or 2d, at most 36500d, got {}",
        QuoteJson(fields.text));
  }
  return MakeAlarm(now + *duration, std::move(fields.data));
}

Result<Alarm> ReadAt(const std::string& inputs) {
  Fields fields = MESG_TRY(ReadFields(inputs, "time"));
  const auto time = ParseTime(fields.text);
  if (!time) {
    return InvalidArgument("time: expected one such as 2026-11-23T10:00:00Z, got {}",
                           QuoteJson(fields.text));
  }
  return MakeAlarm(*time, std::move(fields.data));
}

Result<sdk::Outputs> Tasks::Set(const sdk::Task& task, Result<Alarm> alarm) {
  if (!alarm) return sdk::Permanent(alarm.error());
  if (pending_.Count() >= most_) {
    return ResourceExhausted("{} timers wait already, which is MAX_PENDING", most_);
  }
  const std::string& id = task.execution_id();
  const std::string key = std::string(kPrefix) + id;
  const auto put = service_.Put(key, WriteAlarm(*alarm), 0);
  if (put) {
    pending_.Add(alarm->due, id);
    return AnswerOf(id, alarm->due);
  }
  if (put.error().code == Code::kAborted) {
    const sdk::KeyValue kept = MESG_TRY(service_.Get(key));
    if (kept.version == 0) return put.error();
    const Alarm first = MESG_TRY(ReadAlarm(kept.json));
    pending_.Add(first.due, id);
    return AnswerOf(id, first.due);
  }
  // It may have been kept all the same, and nobody might come back for it.
  pending_.Add(alarm->due, id);
  return put.error();
}

Result<sdk::Outputs> Tasks::Cancel(const sdk::Task& task) {
  const Fields fields = MESG_TRY(ReadFields(task.inputs(), "id"));
  const std::string key = std::string(kPrefix) + fields.text;
  if (fields.text.empty() || fields.text.size() > 200) {
    return sdk::Permanent(
        InvalidArgument("id: expected what after or at answered, got {}", QuoteJson(fields.text)));
  }
  const sdk::KeyValue kept = MESG_TRY(service_.Get(key));
  // In one commit with the answer; when it has fired before that, the attempt fails and another
  // one finds nothing.
  if (kept.version != 0) task.Change(sdk::KeyChange::Delete(key, kept.version));
  return sdk::Outputs{.json =
                          kept.version != 0 ? R"({"cancelled":true})" : R"({"cancelled":false})"};
}

}  // namespace mesg::services::timer
