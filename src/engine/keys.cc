#include "engine/keys.h"

namespace mesg::engine::keys {
namespace {

void AppendNumber(std::string& into, std::uint64_t number, int bytes = 8) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    into += static_cast<char>((number >> shift) & 0xff);
}

std::uint64_t ReadNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, 8))
    number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string Begin(Table table) { return std::string(1, static_cast<char>(table)); }

// Names hold no NUL, so a NUL behind the name keeps "a" + "bc" apart from "ab" + "c".
std::string Named(Table table, std::string_view name, std::string_view rest) {
  std::string key = Begin(table);
  key.reserve(name.size() + rest.size() + 2);
  key.append(name).append(1, '\0').append(rest);
  return key;
}

}  // namespace

std::string History(std::uint64_t first_sequence) {
  std::string key = Begin(Table::kHistory);
  AppendNumber(key, first_sequence);
  return key;
}
std::string HistoryBegin() { return Begin(Table::kHistory); }
std::string HistoryEnd() { return After(HistoryBegin()); }
std::uint64_t HistorySequence(std::string_view key) { return ReadNumber(key.substr(1)); }

std::string PostingsPrefix(std::string_view name, bool results, std::string_view key) {
  std::string prefix = Named(Table::kPostings, name, results ? "r" : "e");
  return prefix.append(key).append(1, '\0');
}
std::string Postings(std::string_view name, bool results, std::string_view key,
                     std::uint64_t first_sequence) {
  std::string postings = PostingsPrefix(name, results, key);
  AppendNumber(postings, first_sequence);
  return postings;
}

std::string OpenExecution(const ExecutionId& id) { return Begin(Table::kOpen).append(id.Bytes()); }
std::string ClosedExecution(const ExecutionId& id) {
  return Begin(Table::kClosed).append(id.Bytes());
}
std::string DeadLetter(std::uint64_t created_number, const ExecutionId& id) {
  std::string key = Begin(Table::kDeadLetter);
  AppendNumber(key, created_number);
  return key.append(id.Bytes());
}
std::optional<ExecutionId> DeadLetterId(std::string_view key) {
  constexpr std::size_t kIdAt = 9;
  if (key.size() != kIdAt + ExecutionId::kSize) return std::nullopt;
  return ExecutionId::FromBytes(key.substr(kIdAt));
}

std::string Value(std::string_view name, std::string_view key) {
  return Named(Table::kValue, name, key);
}
std::string RememberedEvent(std::string_view name, std::string_view event_id) {
  return Named(Table::kRememberedEvent, name, event_id);
}
std::string RememberedExecution(std::string_view name, std::string_view idempotency_key) {
  return Named(Table::kRememberedExecution, name, idempotency_key);
}
std::string Expiry(TimePoint expires, std::uint64_t commit) {
  std::string key = Begin(Table::kExpiry);
  AppendNumber(key, static_cast<std::uint64_t>(ToMicros(expires)));
  AppendNumber(key, commit);
  return key;
}
TimePoint ExpiryTime(std::string_view key) {
  return FromMicros(static_cast<std::int64_t>(ReadNumber(key.substr(1))));
}

std::string InstanceRecord(std::string_view instance_hash) {
  return Begin(Table::kInstance).append(instance_hash);
}
std::string SubscriptionRecord(std::string_view name) {
  return Begin(Table::kSubscription).append(name);
}
std::string Hold(std::string_view subscription) { return Begin(Table::kHold).append(subscription); }
std::string Outgoing(PartitionId to, std::uint64_t number) {
  std::string key = Begin(Table::kOutgoing);
  AppendNumber(key, to, 2);
  AppendNumber(key, number);
  return key;
}
std::string Received(PartitionId from) {
  std::string key = Begin(Table::kReceived);
  AppendNumber(key, from, 2);
  return key;
}
std::string Partition() { return Begin(Table::kPartition); }

Range All(Table table) { return {Begin(table), After(Begin(table))}; }
Range OfName(Table table, std::string_view name) {
  std::string from = Named(table, name, "");
  std::string to = After(from);
  return {std::move(from), std::move(to)};
}

std::string After(std::string_view prefix) {
  std::string after(prefix);
  while (!after.empty() && static_cast<unsigned char>(after.back()) == 0xff) after.pop_back();
  if (!after.empty())
    after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  return after;
}

}  // namespace mesg::engine::keys
