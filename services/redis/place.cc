#include "redis/place.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/encoding.h"
#include "connector/input.h"
#include "mesg/json.h"

namespace mesg::services::redis {
namespace {

// Core takes 4 MiB for an event's data.
constexpr std::size_t kMostJson = 3'500'000;

// In one step, so that what is missing can be told from what has just come; and so that Redis does
// not send what is too large for an event.
constexpr std::string_view kScript = R"(
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local info, known = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do known[info[i]] = info[i + 1] end
local first = known['first-entry'] and known['first-entry'][1] or ''
local entries, total = {}, 0
local read = redis.call('XREAD', 'COUNT', ARGV[2], 'STREAMS', KEYS[1], ARGV[1])
for _, entry in ipairs(read and read[1][2] or {}) do
  local size = 0
  for _, part in ipairs(entry[2]) do size = size + #part end
  if size > tonumber(ARGV[3]) then entry[2] = {}
  else total = total + size end
  if total > tonumber(ARGV[3]) then break end
  entries[#entries + 1] = {entry[1], size, entry[2]}
end
return {known['length'], known['entries-added'] or -1, first, known['last-generated-id'], entries}
)";

struct Id {
  std::uint64_t time = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Id&) const = default;
};

// What cannot be read is the beginning.
Id ParseId(std::string_view text) {
  Id id;
  const char* const end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, id.time);
  if (error == std::errc() && dash != end) std::from_chars(dash + 1, end, id.number);
  return id;
}

void AddField(std::vector<std::pair<std::string, std::vector<std::string>>>& fields,
              std::string name, const std::string& value) {
  const auto known = std::ranges::find(fields, name, [](const auto& each) { return each.first; });
  if (known == fields.end()) {
    fields.emplace_back(std::move(name), std::vector<std::string>{value});
  } else {
    known->second.push_back(value);
  }
}

std::string List(const std::vector<std::string>& json) {
  std::string list = "[";
  for (std::size_t i = 0; i < json.size(); ++i) list += (i > 0 ? "," : "") + json[i];
  return list + "]";
}

}  // namespace

std::string Place::ToJson() const {
  return sdk::JsonObject().Add("id", id).Add("added", added).Take();
}

Result<Place> Place::FromJson(std::string_view json) {
  const Input input = MESG_TRY(Input::Read(json));
  Place place;
  place.id = input["id"].text;
  place.added = MESG_TRY(input["added"].Whole("added", -1, -1, INT64_MAX));
  return place;
}

Command Snapshot::Ask(const std::string& stream, const std::string& after, int count,
                      std::size_t bytes) {
  return {"EVAL",
          std::string(kScript),
          "1",
          stream,
          after,
          std::to_string(count),
          std::to_string(bytes)};
}

Result<std::optional<Snapshot>> Snapshot::Read(const Reply& reply) {
  if (reply.kind == Reply::Kind::kNil) return std::optional<Snapshot>();
  if (!reply.IsList(5)) return Internal("Redis described a stream in another way than expected");
  Snapshot snapshot;
  snapshot.length = reply.items[0].number;
  snapshot.added = reply.items[1].number;
  snapshot.first = reply.items[2].text;
  snapshot.last = reply.items[3].text;
  for (const Reply& each : reply.items[4].items) {
    if (!each.IsList(3)) return Internal("Redis described an entry in another way than expected");
    Entry entry{.id = each.items[0].text, .bytes = each.items[1].number, .parts = {}};
    for (const Reply& part : each.items[2].items) entry.parts.push_back(part.text);
    snapshot.entries.push_back(std::move(entry));
  }
  return std::optional<Snapshot>(std::move(snapshot));
}

std::optional<Gap> FindGap(Place& place, const Snapshot& snapshot, bool beginning) {
  const Id here = ParseId(place.id);
  const std::int64_t gone = snapshot.added < 0 ? -1 : snapshot.added - snapshot.length;
  if (ParseId(snapshot.last) < here) {
    place = {.id = "0-0", .added = gone};
    return Gap{.replaced = true, .lost = {}};
  }
  // Trimming takes the oldest: while an entry is there that we have read, none is gone that we have
  // not.
  if (!snapshot.first.empty() && ParseId(snapshot.first) <= here) return {};
  if (snapshot.added < 0 || place.added < 0) {
    const bool suspicious = beginning && here > Id() && ParseId(snapshot.last) > here;
    if (snapshot.added >= 0) place.added = gone;
    return suspicious ? std::optional<Gap>(Gap{}) : std::nullopt;
  }
  const std::int64_t lost = gone - place.added;
  place.added = gone;
  if (lost == 0) return {};
  if (lost < 0) return Gap{.replaced = true, .lost = {}};
  return Gap{.replaced = false, .lost = lost};
}

Place PlaceAfter(const Place& place, const Snapshot& snapshot, std::size_t count) {
  if (count == 0) return place;
  Place after{.id = snapshot.entries.at(count - 1).id, .added = snapshot.added};
  // Entries may be deleted before we read them, so where nothing is left to read is counted anew.
  if (after.id != snapshot.last && place.added >= 0) {
    after.added = place.added + static_cast<std::int64_t>(count);
  }
  return after;
}

sdk::Event EntryEvent(const std::string& stream, const Snapshot::Entry& entry) {
  sdk::JsonObject event;
  event.Add("stream", stream).Add("id", entry.id);
  std::vector<std::pair<std::string, std::vector<std::string>>> named;
  for (std::size_t i = 0; i + 1 < entry.parts.size(); i += 2) {
    // Quoted, since two names that are not UTF-8 may become one.
    AddField(named, QuoteJson(entry.parts[i]), entry.parts[i + 1]);
  }
  std::string fields;
  std::vector<std::string> encoded;
  for (auto& [name, values] : named) {
    const bool is_text = std::ranges::all_of(values, IsUtf8);
    if (!is_text) encoded.push_back(name);
    for (std::string& value : values) {
      value = is_text ? QuoteJson(value) : "\"" + sdk::ToBase64(value) + "\"";
    }
    fields += (fields.empty() ? "" : ",") + name + ":" +
              (values.size() == 1 ? values.front() : List(values));
  }
  const bool cut = entry.parts.empty() || fields.size() > kMostJson;
  event.AddRaw("fields", cut ? "{}" : "{" + fields + "}");
  if (!cut && !encoded.empty()) event.AddRaw("base64", List(encoded));
  if (cut) event.Add("cut", entry.bytes);
  return {.key = "entry", .json = event.Take(), .id = stream + "/" + entry.id};
}

sdk::Event GapEvent(const std::string& stream, const std::string& after, const Gap& gap) {
  sdk::JsonObject event;
  event.Add("kind", gap.replaced ? "replaced" : "trimmed").Add("stream", stream);
  event.Add("after", after);
  if (gap.lost) event.Add("lost", *gap.lost);
  return {.key = "gap", .json = event.Take()};
}

}  // namespace mesg::services::redis
