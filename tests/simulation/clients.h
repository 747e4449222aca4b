#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/node.h"
#include "tests/simulation/promises.h"
#include "tests/simulation/run.h"

namespace mesg::simulation {

/// What every actor needs.
struct World {
  Run& run;
  Node& node;
  Promises& promises;
};

/// A service's process that emits: some events with ids, and a chain of events whose position it
/// keeps in its key-value store, one commit each. Repeats what was not answered.
class Emitter {
 public:
  Emitter(World world, std::string name) : world_(world), name_(std::move(name)) {}

  void Act();
  /// At the end: the key-value store and the chain of events agree.
  void Check() const;

 private:
  struct Request {
    std::vector<engine::NewEvent> events;
    std::vector<engine::KeyMove> moves;
    TimePoint first_asked{};
  };
  void Send(const std::shared_ptr<Request>& request);
  void Heard(const Request& request, Result<engine::Reply> reply);
  std::shared_ptr<Request> Make();
  std::uint64_t StoredPosition(std::uint64_t* version) const;

  World world_;
  const std::string name_;
  std::shared_ptr<Request> asked_;  // Not answered yet.
  std::uint64_t asked_life_ = 0;
  std::uint64_t next_id_ = 0;
  std::vector<std::pair<engine::NewEvent, TimePoint>> acknowledged_;  // With ids, to repeat.
};

/// An application that has tasks performed, waits for some of them, cancels others and looks after
/// dead letters.
class Requester {
 public:
  Requester(World world, std::vector<std::string> services);

  void Act();
  /// Dead letters are settled, so that nothing is open at the end.
  void ResolveUnknown();

 private:
  struct Request {
    engine::NewExecution execution;
    TimePoint first_asked{};
    std::uint64_t life = 0;
  };
  class Waiting;
  void Create();
  void Send(const std::shared_ptr<Request>& request);
  void Cancel();
  void SettleDeadLetter();
  void Wait();
  std::optional<ExecutionId> Some();

  World world_;
  const std::vector<std::string> services_;
  std::vector<std::shared_ptr<Request>> asked_;     // Not answered yet.
  std::vector<std::shared_ptr<Request>> answered_;  // With keys, to repeat.
  std::shared_ptr<Waiting> sink_;
  std::uint64_t next_key_ = 0;
};

/// Whoever deploys: replaces instances, moves work, deletes services and deploys them again.
class Operator {
 public:
  Operator(World world, std::vector<std::string> services)
      : world_(world), services_(std::move(services)) {}

  void Act();
  void DeployMissing();

 private:
  void Deploy(const std::string& name);
  void Undeploy(const std::string& name, bool force);
  void MovePinned(const std::string& name);

  World world_;
  const std::vector<std::string> services_;
  std::uint64_t next_version_ = 0;
};

}  // namespace mesg::simulation
