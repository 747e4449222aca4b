#include "api/grpc/admin_service.h"

#include <atomic>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "api/grpc/gate.h"
#include "mesg/v1/admin.grpc.pb.h"

namespace mesg::api {
namespace {

class AdminServiceTest : public testing::Test {
 protected:
  AdminServiceTest() {
    Core core;
    core.gate = gate_;
    core.status = [] {
      CoreStatus status;
      status.ready = true;
      status.version = "1.2.3";
      status.started = FromMicros(5);
      status.data_directory = "/data";
      status.durability = "sync";
      status.limits = {{"payload_bytes", 10, {}, "bytes"}, {"workers", 10, 0, "workers"}};
      status.counters = {{"events_accepted_total", 7}};
      status.last_sequence = 8;
      status.bytes_cut = 9;
      status.open_executions = 11;
      status.recovery_time = std::chrono::milliseconds(1);
      status.grpc_address = "127.0.0.1:1";
      status.http_address = "127.0.0.1:2";
      return status;
    };
    core.shutdown = [this] { ++shutdowns_; };
    service_ = MakeAdminService(core);
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::Admin::NewStub(server_->InProcessChannel({}));
  }
  grpc::Status Status(v1::StatusResponse& response) {
    grpc::ClientContext context;
    return stub_->Status(&context, google::protobuf::Empty(), &response);
  }
  grpc::Status Shutdown() {
    grpc::ClientContext context;
    google::protobuf::Empty response;
    return stub_->Shutdown(&context, google::protobuf::Empty(), &response);
  }

  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::atomic<int> shutdowns_ = 0;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminServiceTest, TheStatusIsThatOfCore) {
  gate_->Open();
  v1::StatusResponse status;
  ASSERT_TRUE(Status(status).ok());
  EXPECT_EQ(status.pid(), getpid());
  status.clear_pid();
  EXPECT_EQ(status.ShortDebugString(),
            "ready: true version: \"1.2.3\" started_us: 5 data_directory: \"/data\" "
            "durability: \"sync\" "
            "limits { name: \"payload_bytes\" limit: 10 unit: \"bytes\" } "
            "limits { name: \"workers\" limit: 10 used: 0 unit: \"workers\" } "
            "counters { name: \"events_accepted_total\" value: 7 } "
            "recovery { last_sequence: 8 bytes_cut: 9 open_executions: 11 duration_us: 1000 } "
            "grpc_address: \"127.0.0.1:1\" http_address: \"127.0.0.1:2\"");
}

TEST_F(AdminServiceTest, ShutdownIsAnsweredAndAskedForOnce) {
  gate_->Open();
  EXPECT_TRUE(Shutdown().ok());
  server_->Shutdown();  // Waits for the call's end on this side too.
  EXPECT_EQ(shutdowns_, 1);
}

TEST_F(AdminServiceTest, NoCallIsTakenBeforeCoreIsUp) {
  v1::StatusResponse status;
  EXPECT_EQ(Status(status).error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Shutdown().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(shutdowns_, 0);
}

}  // namespace
}  // namespace mesg::api
