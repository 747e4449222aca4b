#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/client.h"
#include "support/core_process.h"
#include "support/eventually.h"
#include "support/temporary_folder.h"

namespace mesg::testing {

/// A Core of its own for each test, and the few things tests ask of it.
class CoreTest : public ::testing::Test {
 protected:
  CoreTest() : core_(folder_.path()), client_(core_.endpoint()) {}

  /// Starts Core. A connection to a former one may not know yet that it is gone.
  void Start() {
    ASSERT_TRUE(core_.Start()) << core_.Log();
    client_ = Client(core_.endpoint());
  }

  /// Deploys a service that is only a mesg.yml, and returns its token.
  std::string DeployDefinition(std::string_view yaml, const std::string& folder = "service") {
    folder_.Write(folder + "/mesg.yml", yaml);
    v1::Service deployed;
    const grpc::Status status = client_.Deploy(folder_.path() / folder, false, &deployed);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return client_.Token(deployed.name());
  }

  grpc::Status Create(const std::string& service, const std::string& task,
                      const std::string& inputs, std::string* id = nullptr) {
    Call call;
    v1::CreateExecutionRequest request;
    request.set_service(service);
    request.set_task(task);
    request.set_inputs(inputs);
    v1::CreateExecutionResponse response;
    grpc::Status status = client_.executions().Create(call(), request, &response);
    if (id != nullptr) *id = response.id();
    return status;
  }
  /// The ids of `count` executions.
  std::vector<std::string> CreateMany(const std::string& service, const std::string& task,
                                      std::size_t count) {
    std::vector<std::string> ids(count);
    for (std::string& id : ids) {
      const grpc::Status status = Create(service, task, "{}", &id);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    return ids;
  }

  v1::Execution Get(const std::string& id) {
    Call call;
    v1::GetExecutionRequest request;
    request.set_id(id);
    v1::Execution execution;
    EXPECT_TRUE(client_.executions().Get(call(), request, &execution).ok());
    return execution;
  }
  bool Becomes(const std::string& id, v1::ExecutionState state) {
    return Eventually([&] { return Get(id).state() == state; });
  }

  grpc::Status Emit(const std::string& token, const std::string& key, const std::string& data,
                    v1::EmitResponse* response = nullptr) {
    Call call(token);
    v1::EmitRequest request;
    v1::EventToEmit* event = request.add_events();
    event->set_key(key);
    event->set_data(data);
    v1::EmitResponse ignored;
    return client_.events().Emit(call(), request, response == nullptr ? &ignored : response);
  }

  TemporaryFolder folder_;
  CoreProcess core_;
  Client client_;
};

}  // namespace mesg::testing
