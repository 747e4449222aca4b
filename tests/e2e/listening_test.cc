#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/fixture.h"
#include "e2e/raw_worker.h"

namespace mesg::testing {
namespace {

constexpr std::string_view kCounter = R"(name: Counter
sid: counter
events:
  counted:
    data:
      n: {type: Number}
      note: {type: String, optional: true}
tasks:
  count:
)";

/// One Listen call. Reads only when it is told to.
class Listening {
 public:
  Listening(const std::string& endpoint, const std::string& after_position)
      : client_(endpoint), stream_(client_.events().Listen(call_())) {
    v1::ListenRequest open;
    open.mutable_open()->add_filters()->set_service("counter");
    if (after_position.empty()) {
      open.mutable_open()->set_live(true);
    } else {
      open.mutable_open()->set_after_position(after_position);
    }
    stream_->Write(open);
    v1::ListenResponse first;
    ready_ = stream_->Read(&first) && first.ready();
    position_ = first.position();
  }
  ~Listening() {
    call_.Cancel();
    v1::ListenResponse rest;
    while (stream_->Read(&rest)) continue;
    static_cast<void>(stream_->Finish());
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  bool ready() const { return ready_; }
  const std::string& position() const { return position_; }

  /// The ids of the next `count` events.
  std::vector<std::string> Take(std::size_t count) {
    v1::ListenResponse response;
    while (ids_.size() < count && stream_->Read(&response)) {
      for (const v1::Item& item : response.items()) ids_.push_back(item.event().id());
      if (!response.position().empty()) position_ = response.position();
    }
    const std::size_t some = std::min(count, ids_.size());
    std::vector<std::string> taken(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(some));
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(some));
    return taken;
  }
  bool Empty() const { return ids_.empty(); }

 private:
  Client client_;
  Call call_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ListenRequest, v1::ListenResponse>> stream_;
  bool ready_ = false;
  std::string position_;
  std::vector<std::string> ids_;
};

class ListeningTest : public CoreTest {
 protected:
  void SetUp() override {
    Start();
    token_ = DeployDefinition(kCounter);
  }

  /// Emits `count` events of about `bytes` each; their ids.
  std::vector<std::string> EmitMany(std::size_t count, std::size_t bytes = 0) {
    constexpr std::size_t kBatch = 500;
    const std::string note(bytes, 'x');
    std::vector<std::string> ids;
    while (ids.size() < count) {
      v1::EmitRequest request;
      for (std::size_t i = 0; i < kBatch && ids.size() < count; ++i) {
        const std::string n = std::to_string(next_++);
        v1::EventToEmit* event = request.add_events();
        event->set_key("counted");
        event->set_id("n" + n);
        event->set_data(fmt::format(R"({{"n":{},"note":"{}"}})", n, note));
        ids.push_back(event->id());
      }
      Call call(token_);
      v1::EmitResponse response;
      const grpc::Status status = client_.events().Emit(call(), request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    return ids;
  }

  std::string token_;
  std::uint64_t next_ = 0;
};

TEST_F(ListeningTest, WhoStopsReadingMissesNothingAndSlowsNobody) {
  Listening slow(core_.endpoint(), "");
  Listening quick(core_.endpoint(), "");
  ASSERT_TRUE(slow.ready() && quick.ready());
  // Far more than any buffer on the way holds.
  const std::vector<std::string> emitted = EmitMany(20'000, 1'000);
  EXPECT_EQ(quick.Take(emitted.size()), emitted);
  EXPECT_EQ(slow.Take(emitted.size()), emitted);
  EXPECT_TRUE(slow.Empty());
}

TEST_F(ListeningTest, APositionGoesOnAcrossAKill) {
  std::vector<std::string> emitted = EmitMany(1'000);
  std::string position;
  std::vector<std::string> heard;
  {
    Listening first(core_.endpoint(), "0");
    heard = first.Take(100);
    // What came in the same message as the hundredth is behind it.
    while (!first.Empty()) heard.push_back(first.Take(1).front());
    position = first.position();
  }
  core_.Kill();
  Start();
  for (const std::string& id : EmitMany(10)) emitted.push_back(id);
  Listening second(core_.endpoint(), position);
  for (const std::string& id : second.Take(emitted.size() - heard.size())) heard.push_back(id);
  EXPECT_EQ(heard, emitted);
}

TEST_F(ListeningTest, AnEventIdIsRecordedOnceAlsoAcrossAKill) {
  EmitMany(3);
  core_.Kill();
  Start();
  next_ = 1;
  Call call(token_);
  v1::EmitRequest request;
  for (const char* id : {"n2", "n3"}) {
    v1::EventToEmit* event = request.add_events();
    event->set_key("counted");
    event->set_id(id);
    event->set_data(R"({"n":9})");
  }
  v1::EmitResponse response;
  ASSERT_TRUE(client_.events().Emit(call(), request, &response).ok());
  EXPECT_THAT(response.duplicates(), ::testing::ElementsAre(0));
  const std::vector<v1::Event> history = client_.ListEvents("counter");
  ASSERT_EQ(history.size(), 4U);
  EXPECT_EQ(response.positions(0), history[2].position());
}

TEST_F(ListeningTest, EventsAndKeysAreOneCommit) {
  const auto emit = [&](std::uint64_t expected) {
    Call call(token_);
    v1::EmitRequest request;
    v1::EventToEmit* event = request.add_events();
    event->set_key("counted");
    event->set_data(R"({"n":1})");
    v1::KeyChange* change = request.add_changes();
    change->set_key("cursor");
    change->set_put("1");
    change->set_expected_version(expected);
    v1::EmitResponse response;
    return client_.events().Emit(call(), request, &response).error_code();
  };
  EXPECT_EQ(emit(0), grpc::StatusCode::OK);
  EXPECT_EQ(emit(0), grpc::StatusCode::ABORTED) << "the key exists by now";
  EXPECT_EQ(client_.ListEvents("counter").size(), 1U);
  core_.Kill();
  Start();
  EXPECT_EQ(emit(0), grpc::StatusCode::ABORTED);
  EXPECT_EQ(client_.ListEvents("counter").size(), 1U);
}

TEST_F(ListeningTest, WhoLostTheConnectionCanAskForTheResultAgain) {
  const std::string id = CreateMany("counter", "count", 1).front();
  core_.Kill();
  Start();
  RawWorker worker(core_.endpoint(), token_, 1);
  ASSERT_TRUE(Eventually([&] { return worker.DeliveryCount() == 1; }));
  worker.Succeed(worker.Deliveries()[0].delivery_id(), "{}");
  Call call;
  v1::GetExecutionRequest request;
  request.set_id(id);
  v1::Execution execution;
  const grpc::Status status = client_.executions().Wait(call(), request, &execution);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(execution.state(), v1::COMPLETED);
}

// Running work is pinned to the definition it started with; the old instance drains and goes.
TEST_F(ListeningTest, ARedeployLeavesRunningWorkWhereItIs) {
  auto old_worker = std::make_unique<RawWorker>(core_.endpoint(), token_, 10);
  const std::string pinned = CreateMany("counter", "count", 1).front();
  ASSERT_TRUE(Eventually([&] { return old_worker->DeliveryCount() == 1; }));

  const std::string new_token =
      DeployDefinition(std::string(kCounter) + "    outputs:\n      n: {type: Number}\n");
  EXPECT_NE(new_token, token_);
  RawWorker new_worker(core_.endpoint(), new_token, 10);
  const std::string fresh = CreateMany("counter", "count", 1).front();
  ASSERT_TRUE(Eventually([&] { return new_worker.DeliveryCount() == 1; }));
  EXPECT_EQ(new_worker.Deliveries()[0].execution_id(), fresh);
  EXPECT_EQ(old_worker->DeliveryCount(), 1U);

  const auto instances = [&] {
    Call call;
    v1::ListServicesResponse services;
    EXPECT_TRUE(client_.services().List(call(), {}, &services).ok());
    return services;
  };
  ASSERT_EQ(instances().services_size(), 2);
  EXPECT_EQ(instances().services(1).state(), v1::Service::DRAINING);

  core_.Kill();  // Draining survives.
  Start();
  ASSERT_EQ(instances().services_size(), 2);
  old_worker = std::make_unique<RawWorker>(core_.endpoint(), token_, 10);
  ASSERT_TRUE(Eventually([&] { return old_worker->DeliveryCount() == 1; }));
  old_worker->Succeed(old_worker->Deliveries()[0].delivery_id(), "{}");
  EXPECT_TRUE(Becomes(pinned, v1::COMPLETED));
  EXPECT_TRUE(Eventually([&] { return instances().services_size() == 1; }));
}

}  // namespace
}  // namespace mesg::testing
