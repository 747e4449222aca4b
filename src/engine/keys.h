#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/command.h"

/// The layout of a partition's store. Numbers are big endian, so that byte order is number order.
/// docs/reference/on-disk-format.md describes it for people.
namespace mesg::engine::keys {

struct Range {
  std::string from;
  std::string to;
};

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

std::string ApplicationRecord(std::string_view name, std::string_view version);
std::string RunCount(std::string_view name, std::string_view version, std::string_view workflow);
std::string RunHead(const ExecutionId& run);
/// A step of a run; 0 is what started it.
std::string RunStep(const ExecutionId& run, std::uint32_t number);
Range RunSteps(const ExecutionId& run);
/// What one lane of a step came to.
std::string RunItem(const ExecutionId& run, std::uint32_t visit, std::uint32_t lane);
Range RunItems(const ExecutionId& run);
std::string RunByNumber(std::uint64_t created_number);
std::string FailedRun(std::uint64_t created_number);
/// Failed runs apart from the others: they are kept for another time.
std::string EndedRun(bool failed, TimePoint ended, const ExecutionId& run);
std::string Timer(TimePoint time, const ExecutionId& run);
std::string Evaluating(const ExecutionId& run);
std::string Lane(std::string_view lane, std::uint64_t created_number);
std::string WaiterRecord(std::string_view service, std::string_view key, const ExecutionId& run,
                         std::uint32_t visit);
std::string Cursor(std::string_view application, std::string_view workflow);
std::string Schedule(std::string_view application, std::string_view workflow);
std::string RememberedTrigger(std::string_view application, std::string_view workflow,
                              std::string_view hash);
/// A time or number at the beginning of a table's key, and the id at the end of one.
std::uint64_t NumberOf(std::string_view key);
std::optional<ExecutionId> IdAtEnd(std::string_view key, std::size_t behind = 0);

/// [first, second) covers every key of a table.
enum class Table : char {
  kApplication = 'A',
  kCursor = 'C',
  kEndedRun = 'e',
  kEndedFailedRun = 'E',
  kEvaluating = 'g',
  kFailedRun = 'f',
  kLane = 'G',
  kRememberedTrigger = 'D',
  kRunByNumber = 'N',
  kRunCount = 'c',
  kRunHead = 'u',
  kRunItem = 'V',
  kRunStep = 'v',
  kSchedule = 'S',
  kTimer = 'w',
  kWaiter = 'a',
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
Range All(Table table);
/// Everything of one instance name in a table whose keys begin with the name.
Range OfName(Table table, std::string_view name);
/// The first key behind every key that begins with `prefix`.
std::string After(std::string_view prefix);

}  // namespace mesg::engine::keys
