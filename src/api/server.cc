#include "api/server.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>

#include "api/classic/classic.h"
#include "api/grpc/gate.h"
#include "api/grpc/native.h"
#include "api/port.h"
#include "broker/broker.h"

namespace mesg::api {
namespace {

/// A message around payloads may be as large as several of them, so that what is too large is
/// refused by Core, naming the field and the limit, and not by the transport.
int ReceiveBytes(const Core& core) {
  constexpr std::size_t kEnvelope = 1 << 20;
  const std::size_t payload =
      core.broker == nullptr ? 4 << 20 : core.broker->GetSettings().limits.payload_bytes;
  return static_cast<int>(std::min<std::size_t>(4 * payload + kEnvelope, INT_MAX));
}

void Configure(grpc::ServerBuilder& builder, const Core& core) {
  constexpr int kSecond = 1'000;
  builder.SetMaxReceiveMessageSize(ReceiveBytes(core));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Classic clients open a stream for each wait and each listener.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, INT_MAX);
  // Clients may ask every ten seconds whether we live, also when no call is open.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // A client that vanished without a word is noticed in little over a minute.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20 * kSecond);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(Core core) : core_(std::move(core)) {
    core_.gate = std::make_shared<Gate>();
    services_ = MakeNativeServices(core_);
    for (auto& service : MakeClassicServices(core_)) services_.push_back(std::move(service));
  }

  Result<void> Listen(const std::vector<std::string>& addresses) {
    addresses_ = MESG_TRY(ChoosePorts(addresses));
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    Configure(builder, core_);
    std::vector<int> ports(addresses_.size());
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      builder.AddListeningPort(addresses_[i], grpc::InsecureServerCredentials(), &ports[i]);
    }
    for (const auto& service : services_) builder.RegisterService(service.get());
    server_ = builder.BuildAndStart();
    const auto missing = std::ranges::find(ports, 0);
    if (server_ == nullptr || missing != ports.end()) {
      return FailedPrecondition(
                 "cannot listen on {}: another program was faster",
                 addresses_[static_cast<std::size_t>(missing - ports.begin()) % addresses_.size()])
          .Because("ADDRESS_TAKEN");
    }
    server_->GetHealthCheckService()->SetServingStatus(false);
    return {};
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  void SetReady() {
    core_.gate->Open();
    server_->GetHealthCheckService()->SetServingStatus(true);
  }

  void Stop(Duration grace) {
    if (server_ == nullptr || std::exchange(stopped_, true)) return;
    server_->GetHealthCheckService()->SetServingStatus(false);
    core_.gate->Close();
    // What is not answered by then is told so: a call that gRPC cuts would say CANCELLED, which no
    // client tries again. gRPC would also wait for idle connections, whose clients may not look at
    // them for long.
    constexpr Duration kLastAnswers = std::chrono::milliseconds(200);
    if (!core_.gate->WaitEmpty(grace)) {
      core_.gate->GiveUp();
      core_.gate->WaitEmpty(kLastAnswers);
    }
    server_->Shutdown(std::chrono::system_clock::now() + std::min(grace, kLastAnswers));
    server_->Wait();
  }

 private:
  Core core_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;  // Last: calls the services.
  bool stopped_ = false;
};

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Core core) {
  auto impl = std::make_unique<Impl>(std::move(core));
  MESG_TRY(impl->Listen(options.addresses));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(Duration(0)); }

const std::vector<std::string>& Server::addresses() const { return impl_->addresses(); }
void Server::SetReady() { impl_->SetReady(); }
void Server::Stop(Duration grace) { impl_->Stop(grace); }

}  // namespace mesg::api
