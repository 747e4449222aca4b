#include "broker/checks.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "model/data_validator.h"

namespace mesg::broker {
namespace {

/// Adds `error` to what is already wrong, its paths behind `prefix`.
void Collect(std::optional<Error>& all, Error error, const std::string& prefix) {
  for (Violation& violation : error.violations) {
    violation.path = violation.path.empty() ? prefix : prefix + "." + violation.path;
  }
  if (error.violations.empty()) error.violations.push_back({prefix, error.message, 0, 0});
  if (!all) {
    all = std::move(error);
    return;
  }
  all->message += "; " + error.message;
  std::move(error.violations.begin(), error.violations.end(), std::back_inserter(all->violations));
}

}  // namespace

std::size_t WeightOf(const std::vector<engine::NewEvent>& events,
                     const std::vector<engine::KeyMove>& moves) {
  constexpr std::size_t kFixed = 128;
  std::size_t weight = 0;
  for (const engine::NewEvent& event : events)
    weight += kFixed + event.data.size() + 3 * event.id.size() + event.traceparent.size();
  for (const engine::KeyMove& move : moves)
    weight += kFixed + move.key.size() + (move.value ? move.value->size() : 0);
  return weight;
}

Result<void> CheckSize(std::string_view what, std::size_t size, std::size_t limit) {
  if (size <= limit) return {};
  return InvalidArgument("{} has {} bytes, the limit is {}", what, size, limit)
      .Because("PAYLOAD_TOO_LARGE");
}

Result<void> CheckMoves(const std::vector<engine::KeyMove>& moves, std::size_t limit) {
  constexpr std::size_t kLongestKey = 1024;
  for (const engine::KeyMove& move : moves) {
    if (move.key.empty() || move.key.size() > kLongestKey || !IsUtf8(move.key)) {
      return InvalidArgument("a key has {} bytes, expected 1 to {} of UTF-8", move.key.size(),
                             kLongestKey)
          .Because("INVALID_KEY");
    }
    if (!move.value) continue;
    MESG_TRY(
        CheckSize(fmt::format("the value of key \"{}\"", move.key), move.value->size(), limit));
    MESG_TRY(CheckJson(*move.value, "the value"));
  }
  return {};
}

Result<void> CheckEvents(const DeployedInstance& instance,
                         const std::vector<engine::NewEvent>& events, std::size_t limit) {
  constexpr std::size_t kLongestId = 512;
  constexpr std::size_t kMostErrors = 100;
  std::optional<Error> all;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const engine::NewEvent& event = events[i];
    Result<void> checked = CheckSize("the event's data", event.data.size(), limit);
    if (checked) checked = instance.CheckEvent(event.key, event.data);
    if (checked && (event.id.size() > kLongestId || event.traceparent.size() > kLongestId ||
                    !IsUtf8(event.id) || !IsUtf8(event.traceparent))) {
      checked = InvalidArgument("the event's id or trace context is not UTF-8 of at most {} bytes",
                                kLongestId);
    }
    if (checked) continue;
    Collect(all, std::move(checked).error(), fmt::format("events[{}].data", i));
    if (all->violations.size() >= kMostErrors) break;
  }
  if (all) return *std::move(all);
  return {};
}

Result<void> CheckName(std::string_view name) {
  constexpr std::size_t kLongest = 255;
  const bool plain = std::ranges::none_of(
      name, [](char letter) { return static_cast<unsigned char>(letter) <= ' '; });
  if (!name.empty() && name.size() <= kLongest && plain && IsUtf8(name)) return {};
  return InvalidArgument(
             "the name of an instance has {} bytes, expected 1 to {} of UTF-8 without spaces",
             name.size(), kLongest)
      .Because("INVALID_NAME");
}

Result<void> CheckText(std::string_view what, std::string_view text) {
  constexpr std::size_t kLongest = 64 << 10;
  if (text.size() <= kLongest && IsUtf8(text)) return {};
  return InvalidArgument("{} is not UTF-8 of at most {} bytes", what, kLongest);
}

}  // namespace mesg::broker
