#include <gtest/gtest.h>

#include "mesg/stored/v1/records.pb.h"
#include "model/event.h"
#include "model/execution.h"

namespace mesg {
namespace {

using std::chrono::seconds;

SourcePtr SomeSource(std::string name) {
  return std::make_shared<const Source>(Source{std::move(name), "service", "instance"});
}

ExecutionId SomeId(char fill) {
  return ExecutionId::Make(0x1234, FromMicros(1'700'000'000'000'000), std::string(8, fill));
}

Execution FullExecution() {
  Execution execution;
  execution.id = SomeId('a');
  execution.source = SomeSource("mailer");
  execution.task = "send";
  execution.inputs = R"({"to":"ann@example.org","count":123456789012345678901234567890})";
  execution.tags = {"urgent", "", "ключ"};
  execution.state = ExecutionState::kFailed;
  execution.created = FromMicros(1'700'000'000'000'001);
  execution.created_number = 42;
  execution.attempts = {
      {1, AttemptOutcome::kTimedOut, "no answer in 10s", FromMicros(5), "w1"},
      {2, AttemptOutcome::kTaskFailed, "refused", FromMicros(6), "w2"},
  };
  execution.outcome = Outcome{"error", R"({"m":1})", "refused", FromMicros(7)};
  execution.result_sequence = 99;
  execution.idempotency_key = "order-7";
  execution.timeout = seconds(10);
  execution.retry = {5, seconds(2), 1.5, seconds(30), 0};
  execution.not_before = FromMicros(8);
  execution.priority = -3;
  execution.effect = Effect::kOnce;
  execution.traceparent = "00-abc-def-01";
  execution.dead_letter = true;
  execution.retry_of = SomeId('b');
  execution.dispatched = FromMicros(9);
  return execution;
}

void ExpectEqual(const Execution& a, const Execution& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(*a.source, *b.source);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.tags, b.tags);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.created_number, b.created_number);
  EXPECT_EQ(a.attempts, b.attempts);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.result_sequence, b.result_sequence);
  EXPECT_EQ(a.idempotency_key, b.idempotency_key);
  EXPECT_EQ(a.timeout, b.timeout);
  EXPECT_EQ(a.retry, b.retry);
  EXPECT_EQ(a.not_before, b.not_before);
  EXPECT_EQ(a.priority, b.priority);
  EXPECT_EQ(a.effect, b.effect);
  EXPECT_EQ(a.traceparent, b.traceparent);
  EXPECT_EQ(a.dead_letter, b.dead_letter);
  EXPECT_EQ(a.retry_of, b.retry_of);
  EXPECT_EQ(a.dispatched, b.dispatched);
}

std::string Encoded(const auto& value) {
  std::string bytes;
  Encode(value, bytes);
  return bytes;
}

/// A valid stored execution with one change, as bytes.
std::string Damaged(void (*damage)(stored::v1::Execution&)) {
  stored::v1::Execution message;
  EXPECT_TRUE(message.ParseFromString(Encoded(FullExecution())));
  damage(message);
  return message.SerializeAsString();
}

TEST(ExecutionIdTest, KeepsItsSlotInBytesAndText) {
  const ExecutionId id = ExecutionId::Make(0xfe01, FromMicros(0x414243444546 * 1000), "01234567");
  EXPECT_EQ(id.Slot(), 0xfe01);
  EXPECT_EQ(id.Bytes(),
            "\xfe\x01"
            "ABCDEF01234567");
  EXPECT_EQ(*ExecutionId::FromText(id.Text()), id);
  EXPECT_EQ(ExecutionId::FromBytes(id.Bytes()), id);
  const ExecutionId zeros = ExecutionId::Make(0, TimePoint(), std::string(7, '\0') + "x");
  EXPECT_EQ(*ExecutionId::FromText(zeros.Text()), zeros);
}

TEST(ExecutionIdTest, RefusesWhatIsNoId) {
  EXPECT_FALSE(ExecutionId::FromBytes("short"));
  EXPECT_EQ(ExecutionId::FromText("").error().message, "an execution id is missing");
  EXPECT_EQ(ExecutionId::FromText("0").error().message,
            "\"0\" is not an execution id: expected base58 of 16 bytes");
  EXPECT_FALSE(ExecutionId::FromText("2g"));
  EXPECT_FALSE(ExecutionId::FromText("1111111111111111")) << "the empty id names nothing";
  EXPECT_FALSE(ExecutionId::FromText(std::string(1 << 20, 'z')));
  EXPECT_TRUE(ExecutionId().empty());
  EXPECT_EQ(ExecutionId().Text(), "");
}

// Stored ids repeat these numbers: a change would route every existing id to the wrong partition.
TEST(SlotOfTest, NeverChanges) {
  EXPECT_EQ(SlotOf(""), 61392);
  EXPECT_EQ(SlotOf("webhook"), 529);
  EXPECT_EQ(SlotOf("instance-2"), 62492);
}

TEST(SlotOfTest, SpreadsSimilarKeysEvenly) {
  int counts[7] = {};
  for (int i = 0; i < 7000; ++i) ++counts[SlotOf("service-" + std::to_string(i)) % 7];
  for (const int count : counts) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
}

TEST(ExecutionTest, CurrentAttemptFollowsTheHighestEnded) {
  Execution execution;
  EXPECT_EQ(execution.CurrentAttempt(), 1U);
  execution.attempts = {{.number = 1}, {.number = 2}, {.number = 1}};
  EXPECT_EQ(execution.CurrentAttempt(), 3U);
}

TEST(ExecutionTest, EveryStateAndOutcomeHasAName) {
  EXPECT_EQ(Name(ExecutionState::kCreated), "created");
  EXPECT_EQ(Name(ExecutionState::kDispatched), "dispatched");
  EXPECT_EQ(Name(ExecutionState::kCompleted), "completed");
  EXPECT_EQ(Name(ExecutionState::kFailed), "failed");
  EXPECT_EQ(Name(ExecutionState::kCancelled), "cancelled");
  EXPECT_EQ(Name(ExecutionState::kOutcomeUnknown), "outcome unknown");
  EXPECT_EQ(Name(AttemptOutcome::kSucceeded), "succeeded");
  EXPECT_EQ(Name(AttemptOutcome::kTaskFailed), "task failed");
  EXPECT_EQ(Name(AttemptOutcome::kTimedOut), "timed out");
  EXPECT_EQ(Name(AttemptOutcome::kWorkerLost), "worker lost");
  EXPECT_EQ(Name(AttemptOutcome::kCancelled), "cancelled");
  EXPECT_EQ(Name(AttemptOutcome::kUnknown), "unknown");
  EXPECT_EQ(Name(AttemptOutcome::kSuperseded), "superseded");
}

TEST(ExecutionCodecTest, KeepsEveryField) {
  ExpectEqual(*DecodeExecution(Encoded(FullExecution())), FullExecution());
}

TEST(ExecutionCodecTest, NothingOfAnEarlierRecordShowsInALaterOne) {
  Encoded(FullExecution());
  Execution plain;
  plain.id = SomeId('c');
  plain.source = SomeSource("");
  ExpectEqual(*DecodeExecution(Encoded(plain)), plain);
}

TEST(ExecutionCodecTest, AppendsToWhatIsThere) {
  std::string bytes = "prefix";
  Encode(FullExecution(), bytes);
  EXPECT_EQ(bytes, "prefix" + Encoded(FullExecution()));
}

TEST(ExecutionCodecTest, LargeRecordsSurvive) {
  Execution execution = FullExecution();
  execution.inputs.assign(3 << 20, ' ');
  ExpectEqual(*DecodeExecution(Encoded(execution)), execution);
  ExpectEqual(*DecodeExecution(Encoded(FullExecution())), FullExecution());
}

TEST(ExecutionCodecTest, RefusesWhatNoEncodeWrote) {
  using Message = stored::v1::Execution;
  const std::string good = Encoded(FullExecution());
  const std::string bad[] = {
      "",
      "rubbish",
      good + "x",
      good.substr(0, good.size() - 1),
      good + std::string("\xfa\x07\x01z", 4),  // Field 127: well-formed, but nobody wrote it.
      Damaged([](Message& m) { m.set_state(0); }),
      Damaged([](Message& m) { m.set_state(7); }),
      Damaged([](Message& m) { m.set_effect(0); }),
      Damaged([](Message& m) { m.set_effect(4); }),
      Damaged([](Message& m) { m.set_id("short"); }),
      Damaged([](Message& m) { m.set_retry_of("short"); }),
      Damaged([](Message& m) { m.clear_source(); }),
      Damaged([](Message& m) { m.clear_retry(); }),
      Damaged([](Message& m) { m.mutable_attempts(0)->set_outcome(8); }),
  };
  for (const std::string& bytes : bad) {
    const auto decoded = DecodeExecution(bytes);
    ASSERT_FALSE(decoded) << bytes;
    EXPECT_EQ(decoded.error().code, Code::kDataLoss);
  }
}

HistoryBlock SomeBlock() {
  const SourcePtr webhook = SomeSource("webhook");
  const SourcePtr mailer = SomeSource("mailer");
  HistoryBlock block{.first = 7, .recorded = FromMicros(1'000), .entries = {}};
  const auto add = [&](HistoryEntry entry) {
    entry.sequence = block.first + block.entries.size();
    entry.recorded = block.recorded;
    block.entries.push_back(std::move(entry));
  };
  add({.source = webhook, .key = "request", .data = R"({"a":1})", .time = block.recorded});
  add({.source = mailer,
       .key = "sent",
       .data = "{}",
       .id = "id-1",
       .time = FromMicros(-5),
       .traceparent = "00-1-2-01"});
  add({.source = webhook, .key = "respond", .time = block.recorded, .execution = SomeId('d')});
  return block;
}

void ExpectEqual(const HistoryBlock& a, const HistoryBlock& b) {
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.recorded, b.recorded);
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].sequence, b.entries[i].sequence);
    EXPECT_EQ(a.entries[i].recorded, b.entries[i].recorded);
    EXPECT_EQ(*a.entries[i].source, *b.entries[i].source);
    EXPECT_EQ(a.entries[i].key, b.entries[i].key);
    EXPECT_EQ(a.entries[i].data, b.entries[i].data);
    EXPECT_EQ(a.entries[i].id, b.entries[i].id);
    EXPECT_EQ(a.entries[i].time, b.entries[i].time);
    EXPECT_EQ(a.entries[i].traceparent, b.entries[i].traceparent);
    EXPECT_EQ(a.entries[i].execution, b.entries[i].execution);
  }
}

TEST(HistoryCodecTest, KeepsEveryField) {
  const HistoryBlock decoded = *DecodeHistoryBlock(Encoded(SomeBlock()));
  ExpectEqual(decoded, SomeBlock());
  EXPECT_FALSE(decoded.entries[1].IsResult());
  EXPECT_TRUE(decoded.entries[2].IsResult());
}

TEST(HistoryCodecTest, AnEmptyBlockIsABlock) {
  const HistoryBlock empty{.first = 3, .recorded = FromMicros(4), .entries = {}};
  ExpectEqual(*DecodeHistoryBlock(Encoded(empty)), empty);
}

TEST(HistoryCodecTest, ASourceIsWrittenOnceAndSharedByItsEntries) {
  stored::v1::HistoryBlock message;
  ASSERT_TRUE(message.ParseFromString(Encoded(SomeBlock())));
  EXPECT_EQ(message.sources_size(), 2);
  const HistoryBlock decoded = *DecodeHistoryBlock(Encoded(SomeBlock()));
  EXPECT_EQ(decoded.entries[0].source, decoded.entries[2].source);
}

TEST(HistoryCodecTest, ATimeThatIsTheCommitsTakesNoRoom) {
  stored::v1::HistoryBlock message;
  ASSERT_TRUE(message.ParseFromString(Encoded(SomeBlock())));
  EXPECT_EQ(message.entries(0).time_us(), 0);
  EXPECT_EQ(message.entries(1).time_us(), -5);
}

TEST(HistoryCodecTest, ATimeThatWasNotSetIsTheCommits) {
  HistoryBlock block = SomeBlock();
  block.entries[0].time = {};
  ExpectEqual(*DecodeHistoryBlock(Encoded(block)), SomeBlock());
}

TEST(HistoryCodecTest, RefusesWhatNoEncodeWrote) {
  using Message = stored::v1::HistoryBlock;
  const std::string good = Encoded(SomeBlock());
  const auto damaged = [&good](void (*damage)(Message&)) {
    Message message;
    EXPECT_TRUE(message.ParseFromString(good));
    damage(message);
    return message.SerializeAsString();
  };
  const std::string bad[] = {
      "rubbish",
      good + "x",
      good.substr(0, good.size() - 1),
      good + std::string("\xfa\x07\x01z", 4),
      damaged([](Message& m) { m.mutable_entries(0)->set_source(2); }),
      damaged([](Message& m) { m.mutable_entries(2)->set_execution("short"); }),
      damaged([](Message& m) { m.mutable_entries(2)->set_execution(std::string(16, '\0')); }),
      damaged([](Message& m) { m.set_first(0xffff'ffff'ffff'ffffULL); }),
  };
  for (const std::string& bytes : bad) {
    const auto decoded = DecodeHistoryBlock(bytes);
    ASSERT_FALSE(decoded) << bytes;
    EXPECT_EQ(decoded.error().code, Code::kDataLoss);
  }
}

}  // namespace
}  // namespace mesg
