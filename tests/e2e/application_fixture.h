#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/fixture.h"
#include "mesg/service.h"
#include "mesg/v1/applications.grpc.pb.h"
#include "mesg/v1/runs.grpc.pb.h"

namespace mesg::testing {

/// Applications on a real Core, and the services they use, whose processes are this test: they
/// connect again by themselves when Core was killed.
class ApplicationTest : public CoreTest {
 protected:
  using Handler = sdk::Service::AsyncHandler;
  using Texts = std::map<std::string, std::string>;

  /// Starts Core, again too: what speaks to it is new.
  void Start();
  /// kill -9, and a new Core on what is left.
  void KillAndStart();

  /// Deploys the contract and performs its tasks by `handlers` until the test ends.
  void Serve(const std::string& name, std::string_view yaml,
             const std::map<std::string, Handler>& handlers);
  /// Performs the tasks of a service that is deployed already.
  void Perform(const std::string& name, const std::map<std::string, Handler>& handlers);
  /// Emits an event of a served service.
  void Emit(const std::string& service, const std::string& key, const std::string& json);

  grpc::Status Deploy(std::string_view yaml, const Texts& inputs = {}, const Texts& env = {},
                      const Texts& services = {});
  /// Starts a workflow by hand. The id of the run, "" when that was refused.
  std::string Run(const std::string& application, const std::string& workflow,
                  const std::string& inputs = "{}");
  v1::Run GetRun(const std::string& id);
  /// Every run of an application that is in one of the states, or all; the oldest first.
  std::vector<v1::Run> Runs(const std::string& application,
                            const std::vector<v1::RunState>& states = {});
  /// The latest visit to the step with this id; one without a number when there was none.
  v1::Run::Step Step(const std::string& run, const std::string& id);
  bool Becomes(const std::string& run, v1::RunState state);
  /// A run as a test wants to see it when something else was expected.
  std::string Story(const std::string& run);

  grpc::Status Cancel(const std::string& run);
  grpc::Status Decide(const std::string& run, bool approve);
  /// Retry, or Reset to a step. The number of runs that go on.
  std::uint64_t Retry(const std::string& run);
  std::uint64_t Reset(const std::string& run, const std::string& step);

 private:
  void Connect();

  std::unique_ptr<v1::Applications::Stub> applications_;
  std::unique_ptr<v1::Runs::Stub> runs_;
  std::map<std::string, std::unique_ptr<sdk::Service>> served_;
};

/// What a task was asked to do, once for each execution whatever was delivered twice. Any thread.
class Notes {
 public:
  void Add(const sdk::Task& task);
  /// The inputs, in the order in which they first came.
  std::vector<std::string> All() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> known_;
  std::vector<std::string> inputs_;
};

/// Answers with this JSON, after taking a note.
sdk::Service::AsyncHandler Answering(Notes& notes, std::string json = "{}");

}  // namespace mesg::testing
