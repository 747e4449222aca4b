#include "api/grpc/runs_service.h"

#include <algorithm>
#include <future>
#include <utility>

#include "api/grpc/run_bulk.h"
#include "api/grpc/run_watch.h"
#include "api/grpc/run_wire.h"
#include "api/grpc/unary.h"
#include "mesg/v1/runs.grpc.pb.h"

namespace mesg::api {
namespace {

using Call = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

class RunsService final : public v1::Runs::CallbackService {
 public:
  explicit RunsService(ContextPtr context)
      : context_(std::move(context)), broker_(context_->broker) {}

  Reactor* Start(Call* call, const v1::StartRunRequest* request, v1::Run* response) override {
    return Later(*call, *response, [this, request](auto reply) {
      broker_.StartRun(request->application(), request->workflow(), request->inputs(),
                       request->idempotency_key(), std::move(reply));
    });
  }

  Reactor* Get(Call* call, const v1::GetRunRequest* request, v1::Run* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      const auto id = MESG_TRY(ExecutionId::FromText(request->id()));
      const auto after = std::min<std::uint64_t>(request->after_step(), UINT32_MAX);
      ToWire(MESG_TRY(broker_.GetRun(id, static_cast<std::uint32_t>(after))), *response);
      return {};
    });
  }

  Reactor* List(Call* call, const v1::ListRunsRequest* request,
                v1::ListRunsResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      broker::RunQuery query = MESG_TRY(FromWire(request->filter()));
      if (request->page().size() > 0)
        query.limit = static_cast<std::size_t>(request->page().size());
      query.token = request->page().token();
      const broker::RunPage page = MESG_TRY(broker_.ListRuns(query));
      for (const broker::RunView& view : page.runs) ToWire(view, *response->add_runs());
      response->set_next_page_token(page.next_token);
      return {};
    });
  }

  grpc::ServerWriteReactor<v1::Run>* Watch(Call*, const v1::WatchRunsRequest* request) override {
    return RunWatch::Begin(std::make_shared<RunWatch>(*context_, *request));
  }

  Reactor* Cancel(Call* call, const v1::CancelRunRequest* request, v1::Run* response) override {
    return Later(*call, *response, [this, request](auto reply) {
      const auto id = ExecutionId::FromText(request->id());
      if (!id) return reply(id.error());
      broker_.CancelRun(*id, request->reason(), std::move(reply));
    });
  }

  Reactor* Decide(Call* call, const v1::DecideRequest* request, v1::Run* response) override {
    return Later(*call, *response, [this, request](auto reply) {
      const auto id = ExecutionId::FromText(request->id());
      if (!id) return reply(id.error());
      if (request->step() > UINT32_MAX) {
        return reply(InvalidArgument("{} is not the number of a step", request->step()));
      }
      broker_.DecideStep({*id, static_cast<std::uint32_t>(request->step()), request->approve(),
                          request->by(), request->comment()},
                         std::move(reply));
    });
  }

  grpc::ServerWriteReactor<v1::RunsProgress>* Retry(Call*,
                                                    const v1::RunSelection* request) override {
    return RunBulk::Begin(std::make_shared<RunBulk>(*context_, *request, std::nullopt));
  }

  grpc::ServerWriteReactor<v1::RunsProgress>* Reset(Call*,
                                                    const v1::ResetRunsRequest* request) override {
    return RunBulk::Begin(
        std::make_shared<RunBulk>(*context_, request->selection(), request->step()));
  }

 private:
  using Reply = broker::Broker::Reply<engine::RunPtr>;

  // On a thread that may wait: what it asks of the broker looks things up first.
  Reactor* Later(Call& call, v1::Run& response, std::function<void(Reply)> ask) {
    return FinishLater(*context_, call, [ask = std::move(ask), &response]() -> Result<void> {
      std::promise<Result<engine::RunPtr>> promise;
      ask([&promise](Result<engine::RunPtr> run) { promise.set_value(std::move(run)); });
      ToWire(*MESG_TRY(promise.get_future().get()), response);
      return {};
    });
  }

  const ContextPtr context_;
  broker::Broker& broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRunsService(ContextPtr context) {
  return std::make_unique<RunsService>(std::move(context));
}

}  // namespace mesg::api
