#include "measured_service.h"

#include <filesystem>
#include <fstream>

#include <grpcpp/grpcpp.h>

#include "mesg/v1/services.grpc.pb.h"

namespace mesg::bench {

const char* const kDefinition = R"(name: Bench
sid: bench
description: What the benchmarks talk to.
events:
  order:
    data: &order
      id: {type: Number}
      customer:
        type: Object
        object:
          name: {type: String}
          city: {type: String}
      total: {type: Number}
      paid: {type: Boolean}
      note: {type: String}
  other:
    data: *order
tasks:
  order:
    inputs: *order
    outputs: *order
)";

namespace {

Result<void> Deploy(const std::shared_ptr<grpc::Channel>& channel, const std::string& folder) {
  const auto stub = v1::Services::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Deploy(&context);
  v1::DeployRequest request;
  request.mutable_open()->set_folder(folder);
  stream->Write(request);
  stream->WritesDone();
  v1::DeployResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return Failed("deploying", status.error_code(), status.error_message());
  return {};
}

}  // namespace

Error Failed(const char* doing, int code, const std::string& message) {
  return {code >= 1 && code <= 16 ? static_cast<Code>(code) : Code::kUnknown,
          fmt::format("{}: {}", doing, message)};
}

void MeasuredService::Authorize(grpc::ClientContext& context) const {
  context.AddMetadata("authorization", "Bearer " + token);
}

Result<MeasuredService> DeployMeasuredService(const CoreProcess& core) {
  const std::string folder = core.home() + "/bench";
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/mesg.yml") << kDefinition;
  const auto channel = core.Connect();
  MESG_TRY(Deploy(channel, folder));

  const auto stub = v1::Services::NewStub(channel);
  grpc::ClientContext context;
  v1::GetEnvironmentRequest request;
  request.set_service(MeasuredService::kName);
  v1::GetEnvironmentResponse response;
  const grpc::Status status = stub->GetEnvironment(&context, request, &response);
  if (!status.ok()) {
    return Failed("asking for the environment", status.error_code(), status.error_message());
  }
  return MeasuredService{.token = response.env().at("MESG_TOKEN")};
}

std::string Payload(std::uint64_t number) {
  std::string json = fmt::format(
      R"({{"id":{},"customer":{{"name":"Ada Lovelace","city":"London"}},"total":1234.56,)"
      R"("paid":true,"note":")",
      number);
  MESG_CHECK(json.size() + 2 < kPayloadBytes);
  json.append(kPayloadBytes - json.size() - 2, 'n');
  return json + "\"}";
}

}  // namespace mesg::bench
