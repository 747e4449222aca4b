#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/command.h"

/// The layout of a partition's store. Numbers are big endian, so that byte order is number order.
/// docs/reference/on-disk-format.md describes it for people.
namespace mesg::engine::keys {

std::string History(std::uint64_t first_sequence);
std::string HistoryBegin();
std::string HistoryEnd();
std::uint64_t HistorySequence(std::string_view key);

/// Index of one (name, kind, key): where in the history its entries are.
std::string PostingsPrefix(std::string_view name, bool results, std::string_view key);
std::string Postings(std::string_view name, bool results, std::string_view key,
                     std::uint64_t first_sequence);

std::string OpenExecution(const ExecutionId& id);
std::string ClosedExecution(const ExecutionId& id);
std::string DeadLetter(std::uint64_t created_number, const ExecutionId& id);
std::optional<ExecutionId> DeadLetterId(std::string_view key);

std::string Value(std::string_view name, std::string_view key);
std::string RememberedEvent(std::string_view name, std::string_view event_id);
std::string RememberedExecution(std::string_view name, std::string_view idempotency_key);
std::string Expiry(TimePoint expires, std::uint64_t commit);
TimePoint ExpiryTime(std::string_view key);

std::string InstanceRecord(std::string_view instance_hash);
std::string SubscriptionRecord(std::string_view name);
std::string Hold(std::string_view subscription);
std::string Outgoing(PartitionId to, std::uint64_t number);
std::string Received(PartitionId from);
std::string Partition();

/// [first, second) covers every key of a table.
enum class Table : char {
  kDeadLetter = 'q',
  kClosed = 'x',
  kExpiry = 't',
  kHistory = 'h',
  kHold = 'l',
  kInstance = 'n',
  kOpen = 'o',
  kOutgoing = 'm',
  kPartition = 'z',
  kPostings = 'i',
  kReceived = 'r',
  kRememberedEvent = 'd',
  kRememberedExecution = 'p',
  kSubscription = 's',
  kValue = 'k',
};
struct Range {
  std::string from;
  std::string to;
};
Range All(Table table);
/// Everything of one instance name in a table whose keys begin with the name.
Range OfName(Table table, std::string_view name);
/// The first key behind every key that begins with `prefix`.
std::string After(std::string_view prefix);

}  // namespace mesg::engine::keys
