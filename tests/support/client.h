#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "mesg/v1/admin.grpc.pb.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/services.grpc.pb.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::testing {

/// The native API as it is on the wire: one connection and every stub. Any thread.
class Client {
 public:
  explicit Client(const std::string& endpoint);

  v1::Admin::Stub& admin() { return *admin_; }
  v1::Services::Stub& services() { return *services_; }
  v1::Events::Stub& events() { return *events_; }
  v1::Executions::Stub& executions() { return *executions_; }
  v1::DeadLetters::Stub& dead_letters() { return *dead_letters_; }
  v1::Worker::Stub& worker() { return *worker_; }

  /// Deploys the folder, and starts it if asked to.
  grpc::Status Deploy(const std::filesystem::path& folder, bool start, v1::Service* deployed,
                      const std::map<std::string, std::string>& env = {});
  /// What MESG_TOKEN is in the service's process; "" when there is no such service.
  std::string Token(const std::string& service);
  v1::Service GetService(const std::string& service);
  v1::StatusResponse Status();
  /// 0 when there is no such counter.
  std::uint64_t Counter(const std::string& name);

  /// Every execution that matches, over all pages.
  std::vector<v1::Execution> List(v1::ListExecutionsRequest request);
  /// Every event of the service, oldest first, over all pages.
  std::vector<v1::Event> ListEvents(const std::string& service);

 private:
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<v1::Services::Stub> services_;
  std::unique_ptr<v1::Events::Stub> events_;
  std::unique_ptr<v1::Executions::Stub> executions_;
  std::unique_ptr<v1::DeadLetters::Stub> dead_letters_;
  std::unique_ptr<v1::Worker::Stub> worker_;
};

/// A call of at most a minute, with the token of an instance if there is one.
class Call {
 public:
  explicit Call(const std::string& token = "");
  grpc::ClientContext* operator()() { return &context_; }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
};

}  // namespace mesg::testing
