#include <atomic>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"
#include "mesg/service.h"

namespace mesg::sdk {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class EmitTest : public ::testing::Test {
 protected:
  ServiceOptions Options() {
    ServiceOptions options;
    options.endpoint = core_.endpoint();
    options.token = "secret";
    options.threads = 2;
    options.log = [](std::string_view) {};
    return options;
  }
  FakeCore core_;
};

TEST_F(EmitTest, EmitReturnsPositionsOfAllOrNothing) {
  Service service(Options());
  const auto emitted =
      service.EmitBatch({{.key = "a", .json = "{}"}, {.key = "b", .json = "{}", .id = "mine"}});
  ASSERT_TRUE(emitted);
  EXPECT_THAT(emitted->positions, ElementsAre("1", "2"));
  EXPECT_EQ(emitted->durability, "sync");
  EXPECT_FALSE(core_.events()[0].id.empty());
  EXPECT_EQ(core_.events()[1].id, "mine");
}

TEST_F(EmitTest, KnownIdIsReportedAsADuplicate) {
  Service service(Options());
  ASSERT_TRUE(service.Emit({.key = "a", .json = "{}", .id = "mine"}));
  const auto again =
      service.EmitBatch({{.key = "a", .json = "{}"}, {.key = "a", .json = "{}", .id = "mine"}});
  ASSERT_TRUE(again);
  EXPECT_THAT(again->duplicates, ElementsAre(1U));
  EXPECT_THAT(again->positions, ElementsAre("2", "1"));
}

// Recorded, and the acknowledgement lost: sent again under the same id, it is one event.
TEST_F(EmitTest, EmitWhoseAcknowledgementIsLostIsRecordedOnce) {
  Service service(Options());
  core_.CutBeforeEmitted();
  const auto emitted = service.Emit({.key = "a", .json = "{}"});
  ASSERT_TRUE(emitted);
  EXPECT_THAT(emitted->duplicates, SizeIs(0));
  EXPECT_THAT(core_.events(), SizeIs(1));
  EXPECT_EQ(core_.emit_requests(), 2U);
}

TEST_F(EmitTest, EmitWaitsForCoreToComeBack) {
  Service service(Options());
  ASSERT_TRUE(service.Emit({.key = "a", .json = "{}"}));
  core_.Stop();
  auto emitted =
      std::async(std::launch::async, [&] { return service.Emit({.key = "b", .json = "{}"}); });
  core_.Start();
  EXPECT_TRUE(emitted.get());
  EXPECT_THAT(core_.events(), SizeIs(2));
}

TEST_F(EmitTest, EmitGivesUpInTimeAndSaysThatNothingHappened) {
  auto options = Options();
  core_.Stop();
  options.emit_timeout = 50ms;
  Service service(options);
  const auto emitted = service.Emit({.key = "a", .json = "{}"});
  ASSERT_FALSE(emitted);
  EXPECT_EQ(emitted.error().code, Code::kDeadlineExceeded);
  EXPECT_THAT(emitted.error().message, HasSubstr("nothing was emitted"));
  core_.Start();
}

// Many emits that gather travel as one request, and a bad one among them fails alone.
TEST_F(EmitTest, BadEventDoesNotFailItsNeighbours) {
  Service service(Options());
  core_.RefuseEventKey("bad");
  core_.Hold(true);
  std::mutex mutex;
  std::vector<std::string> outcomes(20);
  std::atomic<int> done = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(service.EmitAsync({{.key = i == 7 ? "bad" : "good", .json = "{}"}}, {},
                                  [&, i](Result<Emitted> emitted) {
                                    const std::scoped_lock lock(mutex);
                                    outcomes[i] = emitted ? "ok" : emitted.error().reason;
                                    ++done;
                                  }));
  }
  core_.Hold(false);
  ASSERT_TRUE(Eventually([&] { return done == 20; }));
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(outcomes[i], i == 7 ? "EVENT_NOT_FOUND" : "ok") << i;
  EXPECT_THAT(core_.events(), SizeIs(19));
}

TEST_F(EmitTest, TooManyUnacknowledgedEmitsAreRefusedAtOnce) {
  auto options = Options();
  options.max_pending_events = 3;
  Service service(options);
  core_.Hold(true);
  std::atomic<int> done = 0;
  const auto note = [&](const Result<Emitted>&) { ++done; };
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(service.EmitAsync({{.key = "a", .json = "{}"}}, {}, note));
  }
  const auto refused = service.EmitAsync({{.key = "a", .json = "{}"}}, {}, note);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  core_.Hold(false);
  ASSERT_TRUE(Eventually([&] { return done == 3; }));
  EXPECT_TRUE(service.Emit({.key = "a", .json = "{}"}));
}

TEST_F(EmitTest, RefusalCarriesTheFieldThatIsWrong) {
  Service service(Options());
  core_.RefuseEventKey("bad");
  const auto emitted = service.Emit({.key = "bad", .json = "{}"});
  ASSERT_FALSE(emitted);
  ASSERT_THAT(emitted.error().violations, SizeIs(1));
  EXPECT_EQ(emitted.error().violations[0].path, "events[0].key");
}

TEST_F(EmitTest, DestructionFailsPendingEmits) {
  std::promise<Result<Emitted>> promise;
  core_.Hold(true);
  {
    Service service(Options());
    ASSERT_TRUE(service.EmitAsync({{.key = "a", .json = "{}"}}, {}, [&](Result<Emitted> emitted) {
      promise.set_value(std::move(emitted));
    }));
  }
  const auto emitted = promise.get_future().get();
  ASSERT_FALSE(emitted);
  EXPECT_EQ(emitted.error().code, Code::kCancelled);
}

TEST_F(EmitTest, KeysArePutReadListedAndDeleted) {
  Service service(Options());
  EXPECT_EQ(*service.Put("a/1", "1"), 1U);
  EXPECT_EQ(*service.Put("a/1", "2", 1), 2U);
  EXPECT_EQ(*service.Put("a/2", "3", 0), 1U);
  EXPECT_EQ(*service.Put("b", "4"), 1U);
  const auto stale = service.Put("a/1", "5", 1);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::kAborted);
  EXPECT_EQ(service.Get("a/1")->json, "2");
  EXPECT_EQ(service.Get("a/1")->version, 2U);
  EXPECT_EQ(service.Get("none")->version, 0U);
  EXPECT_THAT(*service.List("a/"), SizeIs(2));
  EXPECT_THAT(*service.List("a/", 1), SizeIs(1));
  EXPECT_THAT(*service.List("a/", 0, "a/1"), SizeIs(1));
  EXPECT_TRUE(service.Delete("a/1"));
  EXPECT_EQ(service.Get("a/1")->version, 0U);
}

// The change was made, its acknowledgement lost: sent again it finds its own version. The caller is
// told that it may have been itself.
TEST_F(EmitTest, StaleVersionAfterAResendIsMarked) {
  Service service(Options());
  core_.CutBeforeEmitted();
  const auto put = service.Put("a", "1", 0);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::kAborted);
  EXPECT_EQ(put.error().reason, "RESENT");
}

}  // namespace
}  // namespace mesg::sdk
