#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

/// The words services and applications share. JSON goes in and out as text in UTF-8; which library
/// makes or reads it is the caller's choice (mesg/json.h offers a small writer).
namespace mesg::sdk {

/// A fact to emit.
struct Event {
  std::string key;      ///< Which of the service's events, as declared in mesg.yml.
  std::string json;     ///< Its data: one JSON object.
  std::string id = {};  ///< Deduplication key within Core's window; "" lets the library make one.
  TimePoint time = {};  ///< When it happened; unset means when Core records it.
  std::string traceparent = {};  ///< W3C trace context, may be empty.
};

/// A move of one key in the instance's key-value store.
///
/// With `expected_version` it is applied only if the key's version is that one; 0 means that the
/// key must not exist yet.
struct KeyChange {
  std::string key;
  std::optional<std::string> json;  ///< The new value as JSON; nothing deletes the key.
  std::optional<std::uint64_t> expected_version = {};

  static KeyChange Put(std::string key, std::string json,
                       std::optional<std::uint64_t> expected_version = {}) {
    return {std::move(key), std::move(json), expected_version};
  }
  static KeyChange Delete(std::string key, std::optional<std::uint64_t> expected_version = {}) {
    return {std::move(key), std::nullopt, expected_version};
  }
};

/// Core's acknowledgement of an Emit.
struct Emitted {
  std::vector<std::string> positions;   ///< Of each event, in order.
  std::vector<std::size_t> duplicates;  ///< Events whose caller-given id was known already.
  std::vector<std::uint64_t> versions;  ///< Of each changed key, in order; 0 for a deleted one.
  std::string durability;               ///< "sync" or "async": what this acknowledgement means.
};

/// A key of the key-value store; `version` 0 means that there is none.
struct KeyValue {
  std::string key;
  std::string json;
  std::uint64_t version = 0;
};

}  // namespace mesg::sdk
