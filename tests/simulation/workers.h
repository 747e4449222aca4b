#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/simulation/clients.h"

namespace mesg::simulation {

/// A service's process that performs tasks, badly.
class Worker {
 public:
  Worker(World world, std::string service);

  void Act();
  bool IsConnectedTo(const std::string& instance_hash) const;
  /// Looks for an instance that nobody serves; at the end every one needs somebody.
  void ConnectTo(const std::string& instance_hash);
  const std::string& Service() const { return service_; }

 private:
  enum class Plan { kSucceed, kFail, kFailForGood, kTwice, kRefuse };
  /// A delivery, and what becomes of it.
  struct Job {
    std::string id;
    ExecutionId execution;
    std::uint32_t attempt = 0;
    Plan plan = Plan::kSucceed;
    TimePoint due{};
    bool late = false;      ///< Its attempt is over; the worker does not care.
    bool returned = false;  ///< Its credit was given back.
  };
  class Connection;

  void Connect();
  void Disconnect();
  void Take(const broker::Delivery& delivery, broker::WorkerId connection);
  void Cancelled(const std::string& delivery_id);
  Plan Choose(TimePoint* due);
  void Perform(const Job& job);
  void Answer(const Job& job, bool success);
  void SendAnswer(const std::string& delivery_id, const engine::Answer& answer, bool success);
  void AnswerNonsense();
  void GiveBack(const Job& job);
  std::size_t Outstanding() const;

  World world_;
  const std::string service_;
  std::vector<Job> jobs_;
  std::shared_ptr<Connection> connection_;
  std::string instance_hash_;
  broker::WorkerId id_ = 0;
  std::uint64_t life_ = 0;
  std::size_t credits_ = 0;
  std::uint64_t next_output_ = 0;
};

}  // namespace mesg::simulation
