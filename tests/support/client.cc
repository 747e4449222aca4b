#include "support/client.h"

#include <chrono>

namespace mesg::testing {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Client::Client(const std::string& endpoint) {
  const auto channel = Connect(endpoint);
  admin_ = v1::Admin::NewStub(channel);
  services_ = v1::Services::NewStub(channel);
  events_ = v1::Events::NewStub(channel);
  executions_ = v1::Executions::NewStub(channel);
  dead_letters_ = v1::DeadLetters::NewStub(channel);
  worker_ = v1::Worker::NewStub(channel);
}

grpc::Status Client::Deploy(const std::filesystem::path& folder, bool start, v1::Service* deployed,
                            const std::map<std::string, std::string>& env) {
  Call call;
  const auto stream = services_->Deploy(call());
  v1::DeployRequest request;
  request.mutable_open()->set_folder(folder.string());
  request.mutable_open()->set_start(start);
  for (const auto& [name, value] : env) (*request.mutable_open()->mutable_env())[name] = value;
  stream->Write(request);
  stream->WritesDone();
  v1::DeployResponse response;
  while (stream->Read(&response)) {
    if (response.has_deployed() && deployed != nullptr) *deployed = response.deployed();
  }
  return stream->Finish();
}

std::string Client::Token(const std::string& service) {
  Call call;
  v1::GetEnvironmentRequest request;
  request.set_service(service);
  v1::GetEnvironmentResponse response;
  if (!services_->GetEnvironment(call(), request, &response).ok()) return "";
  const auto token = response.env().find("MESG_TOKEN");
  return token == response.env().end() ? "" : token->second;
}

v1::Service Client::GetService(const std::string& service) {
  Call call;
  v1::GetServiceRequest request;
  request.set_service(service);
  v1::Service response;
  static_cast<void>(services_->Get(call(), request, &response).ok());
  return response;
}

v1::StatusResponse Client::Status() {
  Call call;
  v1::StatusResponse response;
  static_cast<void>(admin_->Status(call(), {}, &response).ok());
  return response;
}

std::uint64_t Client::Counter(const std::string& name) {
  const v1::StatusResponse status = Status();
  for (const v1::Counter& counter : status.counters()) {
    if (counter.name() == name) return counter.value();
  }
  return 0;
}

std::vector<v1::Execution> Client::List(v1::ListExecutionsRequest request) {
  std::vector<v1::Execution> all;
  request.mutable_page()->set_size(1000);
  v1::ListExecutionsResponse response;
  do {
    Call call;
    response.Clear();
    if (!executions_->List(call(), request, &response).ok()) break;
    all.insert(all.end(), response.executions().begin(), response.executions().end());
    request.mutable_page()->set_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  return all;
}

std::vector<v1::Event> Client::ListEvents(const std::string& service) {
  std::vector<v1::Event> all;
  v1::ListEventsRequest request;
  request.set_service(service);
  request.mutable_page()->set_size(1000);
  v1::ListEventsResponse response;
  do {
    Call call;
    response.Clear();
    if (!events_->List(call(), request, &response).ok()) break;
    all.insert(all.end(), response.events().begin(), response.events().end());
    request.mutable_page()->set_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  return all;
}

Call::Call(const std::string& token) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
}

}  // namespace mesg::testing
