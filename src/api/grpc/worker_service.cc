#include "api/grpc/worker_service.h"

#include <algorithm>
#include <utility>

#include "api/grpc/auth.h"
#include "api/grpc/translate.h"
#include "api/grpc/unary.h"
#include "api/grpc/worker_stream.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::api {
namespace {

constexpr std::size_t kMostKeys = 1'000;

template <typename Response>
void Fill(const std::vector<broker::KeyValue>& values, Response& response) {
  for (const broker::KeyValue& value : values) ToWire(value, *response.add_values());
}

class WorkerService final : public v1::Worker::CallbackService {
 public:
  explicit WorkerService(ContextPtr context) : context_(std::move(context)) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoreMessage>* Connect(
      grpc::CallbackServerContext* call) override {
    return WorkerStream::Begin(std::make_shared<WorkerStream>(*context_, *call));
  }

  grpc::ServerUnaryReactor* GetKeys(grpc::CallbackServerContext* call,
                                    const v1::GetKeysRequest* request,
                                    v1::GetKeysResponse* response) override {
    auto& broker = context_->broker;
    const auto instance = Authenticate(*call, broker);
    if (!instance) return Finish(*call, instance.error());
    if (static_cast<std::size_t>(request->keys_size()) > kMostKeys) {
      return Finish(*call, InvalidArgument("{} keys are asked for, the limit is {}",
                                           request->keys_size(), kMostKeys));
    }
    return FinishLater(
        *context_, *call, [&broker, instance = *instance, request, response]() -> Result<void> {
          Fill(MESG_TRY(broker.GetKeys(instance, {request->keys().begin(), request->keys().end()})),
               *response);
          return {};
        });
  }

  grpc::ServerUnaryReactor* ListKeys(grpc::CallbackServerContext* call,
                                     const v1::ListKeysRequest* request,
                                     v1::ListKeysResponse* response) override {
    auto& broker = context_->broker;
    const auto instance = Authenticate(*call, broker);
    if (!instance) return Finish(*call, instance.error());
    const std::size_t limit =
        request->limit() == 0 ? kMostKeys : std::min<std::size_t>(request->limit(), kMostKeys);
    return FinishLater(*context_, *call,
                       [&broker, instance = *instance, request, response, limit]() -> Result<void> {
                         const auto page = MESG_TRY(
                             broker.ListKeys(instance, request->prefix(), request->after(), limit));
                         Fill(page.values, *response);
                         response->set_more(page.more);
                         return {};
                       });
  }

 private:
  const ContextPtr context_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeWorkerService(ContextPtr context) {
  return std::make_unique<WorkerService>(std::move(context));
}

}  // namespace mesg::api
