#include "logger/line.h"

#include <array>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::logger {
namespace {

using simdjson::SUCCESS;

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
constexpr std::size_t kMostMessage = 8 * 1024;
constexpr std::size_t kMostData = 32 * 1024;

std::string_view Name(Level level) { return kNames.at(static_cast<std::size_t>(level)); }

/// As in JSON, without the quotes around it; a quote stays what it is. `text` is UTF-8.
std::string WithoutControls(std::string_view text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == '\n') {
      safe += "\\n";
    } else if (byte == '\t') {
      safe += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      safe += fmt::format("\\u{:04x}", byte);
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // Beyond ASCII there are some, too.
      safe += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

/// JSON on one line: inside of texts there are none that are not escaped.
std::string OneLine(std::string json) {
  for (char& c : json) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return json;
}

}  // namespace

Result<Level> ParseLevel(std::string_view text) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == text) return static_cast<Level>(i);
  }
  return InvalidArgument("level: expected debug, info, warn or error, got {}", QuoteJson(text));
}

Result<Entry> ReadInputs(const std::string& inputs) {
  const simdjson::padded_string padded(inputs);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != SUCCESS ||
      document.get_object().get(object) != SUCCESS) {
    return InvalidArgument("expected an object");
  }
  Entry entry;
  for (auto field : object) {
    std::string_view key;
    simdjson::ondemand::value value;
    if (field.unescaped_key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) {
      return InvalidArgument("broken JSON");
    }
    std::string_view text;
    if (key == "message") {
      if (value.get_string().get(text) != SUCCESS) return InvalidArgument("message: expected text");
      entry.message = text;
    } else if (key == "level" && !value.is_null()) {
      if (value.get_string().get(text) != SUCCESS) return InvalidArgument("level: expected text");
      entry.level = MESG_TRY(ParseLevel(text));
    } else if (key == "data") {
      if (simdjson::to_json_string(value).get(text) != SUCCESS)
        return InvalidArgument("data: broken JSON");
      entry.data = text;
    }
  }
  return entry;
}

std::string WriteLine(const Entry& entry, Format format, TimePoint now) {
  const std::string message = Shortened(entry.message, kMostMessage);
  const bool fits = entry.data.size() <= kMostData;
  if (format == Format::kText) {
    const std::string data =
        entry.data.empty() ? "" : " " + WithoutControls(Shortened(OneLine(entry.data), kMostData));
    return fmt::format("{} {:<5} {}{}\n", FormatTime(now), Name(entry.level),
                       WithoutControls(message), data);
  }
  sdk::JsonObject line;
  line.Add("time", FormatTime(now)).Add("level", Name(entry.level)).Add("message", message);
  if (!entry.data.empty() && fits) line.AddRaw("data", OneLine(entry.data));
  if (!fits) line.Add("data_bytes", entry.data.size());
  return line.Take() + "\n";
}

}  // namespace mesg::services::logger
