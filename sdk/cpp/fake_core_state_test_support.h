#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "fake_core_test_support.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/worker.grpc.pb.h"

/// The inside of FakeCore: its state, and the three services that show it on the wire.
namespace mesg::sdk {

/// Everything Core would keep on disk, and what tests ask of it. One lock, one condition.
class FakeCore::State {
 public:
  struct Stored {
    v1::Execution execution;
    bool finished = false;
  };
  struct Session {  // A worker's connection.
    grpc::ServerContext* context = nullptr;
    std::deque<v1::CoreMessage> out;
    bool closed = false;
    bool drained = false;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::set<grpc::ServerContext*> streams;
  std::string token;
  bool hold = false;

  std::shared_ptr<Session> session;
  std::vector<std::string> hello_tasks;
  std::vector<std::string> reported;
  std::size_t workers = 0;
  std::map<std::string, std::string> deliveries;  // Ever made: id -> execution.
  std::int64_t deadline_us = 1'800'000'000'000'000;
  std::vector<Answered> answers;
  std::vector<std::string> refusals;
  bool cut_before_accepting = false;
  std::optional<Error> refuse_answer;

  std::vector<Recorded> events;
  std::map<std::string, std::size_t> event_ids;
  std::map<std::string, v1::KeyValue> keys;
  std::size_t emit_requests = 0;
  bool cut_before_emitted = false;
  std::string refused_key;
  std::vector<v1::Event> history;  // Position N is the N-th, from 1.
  std::size_t oldest = 0;
  std::size_t listeners = 0;
  std::map<std::string, std::string> subscriptions;  // -> acknowledged

  std::function<Result<std::string>(const std::string&, const std::string&)> perform;
  bool cut_before_created = false;
  bool finish_later = false;
  std::map<std::string, Stored> executions;
  std::map<std::string, std::string> by_key;

  bool Admits(grpc::ServerContext& context) {
    const std::scoped_lock lock(mutex);
    if (token.empty()) return true;
    const auto sent = context.client_metadata().find("authorization");
    return sent != context.client_metadata().end() && sent->second == "Bearer " + token;
  }
  void CutLocked() {
    for (auto* context : streams) context->TryCancel();
  }

  // Under the lock: all or none, as Core does it.
  v1::EmitResponse Record(const v1::EmitRequest& request) {
    v1::EmitResponse response;
    ++emit_requests;
    for (const auto& event : request.events()) {
      if (!refused_key.empty() && event.key() == refused_key) {
        response.mutable_error()->set_code(static_cast<int>(Code::kInvalidArgument));
        response.mutable_error()->set_message("no such event");
        response.mutable_error()->set_reason("EVENT_NOT_FOUND");
        auto& violation = *response.mutable_error()->add_violations();
        violation.set_field("events[0].key");
        violation.set_description("not declared");
        return response;
      }
    }
    for (const auto& change : request.changes()) {
      const auto found = keys.find(change.key());
      const std::uint64_t version = found == keys.end() ? 0 : found->second.version();
      if (change.has_expected_version() && change.expected_version() != version) {
        response.mutable_error()->set_code(static_cast<int>(Code::kAborted));
        response.mutable_error()->set_message("the key's version is another");
        return response;
      }
    }
    for (int i = 0; i < request.events_size(); ++i) {
      const auto& event = request.events(i);
      const auto [known, fresh] = event_ids.try_emplace(event.id(), events.size() + 1);
      if (fresh) {
        events.push_back({event.key(), event.data(), event.id()});
      } else {
        response.add_duplicates(static_cast<std::uint32_t>(i));
      }
      response.add_positions(std::to_string(known->second));
    }
    for (const auto& change : request.changes()) {
      if (change.has_put()) {
        auto& key = keys[change.key()];
        key.set_key(change.key());
        key.set_value(change.put());
        key.set_version(key.version() + 1);
        response.add_versions(key.version());
      } else {
        keys.erase(change.key());
        response.add_versions(0);
      }
    }
    response.set_durability("sync");
    return response;
  }

  // Under the lock.
  void Finish(Stored& stored) {
    auto outcome = perform ? perform(stored.execution.task(), stored.execution.inputs())
                           : Result<std::string>("{}");
    stored.finished = true;
    if (outcome) {
      stored.execution.set_state(v1::COMPLETED);
      stored.execution.mutable_outcome()->set_outputs(*outcome);
    } else {
      stored.execution.set_state(v1::FAILED);
      stored.execution.mutable_outcome()->set_error(outcome.error().message);
    }
    changed.notify_all();
  }
};

/// Counts a stream as connected while it lives, so that it can be cut.
class Registered {
 public:
  Registered(FakeCore::State& state, grpc::ServerContext* context)
      : state_(state), context_(context) {
    const std::scoped_lock lock(state_.mutex);
    state_.streams.insert(context_);
  }
  ~Registered() {
    const std::scoped_lock lock(state_.mutex);
    state_.streams.erase(context_);
    state_.changed.notify_all();
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  FakeCore::State& state_;
  grpc::ServerContext* context_;
};

inline const grpc::Status kTurnedAway{grpc::StatusCode::UNAUTHENTICATED,
                                      "the token is not an instance's"};

inline v1::CallError ToWire(const Error& error) {
  v1::CallError wire;
  wire.set_code(static_cast<int>(error.code));
  wire.set_message(error.message);
  return wire;
}

std::unique_ptr<v1::Worker::Service> MakeWorkerService(std::shared_ptr<FakeCore::State> state);
std::unique_ptr<v1::Events::Service> MakeEventService(std::shared_ptr<FakeCore::State> state);
std::unique_ptr<v1::Executions::Service> MakeExecutionService(
    std::shared_ptr<FakeCore::State> state);

}  // namespace mesg::sdk
