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

std::string ApplicationRecord(std::string_view name, std::string_view version) {
  return Named(Table::kApplication, name, version);
}
std::string RunCount(std::string_view name, std::string_view version, std::string_view workflow) {
  return Named(Table::kRunCount, name, version).append(1, '\0').append(workflow);
}
std::string RunHead(const ExecutionId& run) { return Begin(Table::kRunHead).append(run.Bytes()); }
std::string RunStep(const ExecutionId& run, std::uint32_t number) {
  std::string key = Begin(Table::kRunStep).append(run.Bytes());
  AppendNumber(key, number, 4);
  return key;
}
Range RunSteps(const ExecutionId& run) {
  std::string from = Begin(Table::kRunStep).append(run.Bytes());
  std::string to = After(from);
  return {std::move(from), std::move(to)};
}
std::string RunItem(const ExecutionId& run, std::uint32_t visit, std::uint32_t lane) {
  std::string key = Begin(Table::kRunItem).append(run.Bytes());
  AppendNumber(key, visit, 4);
  AppendNumber(key, lane, 4);
  return key;
}
Range RunItems(const ExecutionId& run) {
  std::string from = Begin(Table::kRunItem).append(run.Bytes());
  std::string to = After(from);
  return {std::move(from), std::move(to)};
}
std::string RunByNumber(std::uint64_t created_number) {
  std::string key = Begin(Table::kRunByNumber);
  AppendNumber(key, created_number);
  return key;
}
std::string FailedRun(std::uint64_t created_number) {
  std::string key = Begin(Table::kFailedRun);
  AppendNumber(key, created_number);
  return key;
}
std::string EndedRun(bool failed, TimePoint ended, const ExecutionId& run) {
  std::string key = Begin(failed ? Table::kEndedFailedRun : Table::kEndedRun);
  AppendNumber(key, static_cast<std::uint64_t>(ToMicros(ended)));
  return key.append(run.Bytes());
}
std::string Timer(TimePoint time, const ExecutionId& run) {
  std::string key = Begin(Table::kTimer);
  AppendNumber(key, static_cast<std::uint64_t>(ToMicros(time)));
  return key.append(run.Bytes());
}
std::string Evaluating(const ExecutionId& run) {
  return Begin(Table::kEvaluating).append(run.Bytes());
}
std::string Lane(std::string_view lane, std::uint64_t created_number) {
  std::string key = Begin(Table::kLane).append(lane);
  AppendNumber(key, created_number);
  return key;
}
std::string WaiterRecord(std::string_view service, std::string_view key, const ExecutionId& run,
                         std::uint32_t visit) {
  std::string record = Named(Table::kWaiter, service, key).append(1, '\0').append(run.Bytes());
  AppendNumber(record, visit, 4);
  return record;
}
std::string Cursor(std::string_view application, std::string_view workflow) {
  return Named(Table::kCursor, application, workflow);
}
std::string Schedule(std::string_view application, std::string_view workflow) {
  return Named(Table::kSchedule, application, workflow);
}
std::string RememberedTrigger(std::string_view application, std::string_view workflow,
                              std::string_view hash) {
  return Named(Table::kRememberedTrigger, application, workflow).append(1, '\0').append(hash);
}
std::uint64_t NumberOf(std::string_view key) { return ReadNumber(key.substr(1)); }
std::optional<ExecutionId> IdAtEnd(std::string_view key, std::size_t behind) {
  if (key.size() < ExecutionId::kSize + behind) return std::nullopt;
  return ExecutionId::FromBytes(
      key.substr(key.size() - behind - ExecutionId::kSize, ExecutionId::kSize));
}

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
