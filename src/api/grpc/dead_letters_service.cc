#include "api/grpc/dead_letters_service.h"

#include <utility>

#include "api/grpc/dead_letter_bulk.h"
#include "api/grpc/execution_lists.h"
#include "api/grpc/translate.h"
#include "api/grpc/unary.h"
#include "mesg/v1/executions.grpc.pb.h"

namespace mesg::api {
namespace {

Result<std::variant<engine::Success, engine::Failure>> ReadOutcome(
    const v1::ResolveDeadLetterRequest& request) {
  if (request.has_success()) {
    return std::variant<engine::Success, engine::Failure>(
        engine::Success{request.success().output_key(), request.success().outputs()});
  }
  if (request.outcome_case() == v1::ResolveDeadLetterRequest::kFailure) {
    return std::variant<engine::Success, engine::Failure>(
        engine::Failure{request.failure(), /*permanent=*/true});
  }
  return Error{Code::kInvalidArgument,
               "say what became of it: `success` or `failure`",
               "OUTCOME_MISSING",
               {{"outcome", "expected `success` or `failure`, got neither"}}};
}

class DeadLettersService final : public v1::DeadLetters::CallbackService {
 public:
  explicit DeadLettersService(ContextPtr context)
      : context_(std::move(context)), broker_(context_->broker) {}

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* call,
                                 const v1::ListDeadLettersRequest* request,
                                 v1::ListDeadLettersResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response] {
      return ListDeadLetters(broker_, *request, *response);
    });
  }
  grpc::ServerUnaryReactor* Retry(grpc::CallbackServerContext* call,
                                  const v1::DeadLetterSelection* request,
                                  v1::RetryDeadLettersResponse* response) override {
    return Bulk<v1::RetryDeadLettersResponse>(
        *call, *request, *response, "retried",
        [this](const std::vector<ExecutionId>& ids, auto settled,
               const DeadLetterBulk::Told& told) {
          broker_.RetryDeadLetters(ids, [=](std::vector<Result<engine::Created>> created) {
            std::vector<Result<void>> results;
            for (std::size_t i = 0; i < ids.size(); ++i) {
              results.push_back(created[i] ? Result<void>() : created[i].error());
              if (!created[i]) continue;
              auto& retried = *settled->add_retried();
              retried.set_id(ids[i].Text());
              retried.set_new_id(created[i]->id.Text());
            }
            told(std::move(results));
          });
        });
  }
  grpc::ServerUnaryReactor* Drop(grpc::CallbackServerContext* call,
                                 const v1::DeadLetterSelection* request,
                                 v1::DropDeadLettersResponse* response) override {
    return Bulk<v1::DropDeadLettersResponse>(
        *call, *request, *response, "dropped",
        [this](const std::vector<ExecutionId>& ids, auto settled,
               const DeadLetterBulk::Told& told) {
          broker_.DropDeadLetters(ids, [=](std::vector<Result<void>> dropped) {
            for (std::size_t i = 0; i < ids.size(); ++i) {
              if (dropped[i]) settled->add_ids(ids[i].Text());
            }
            told(std::move(dropped));
          });
        });
  }

  grpc::ServerUnaryReactor* Resolve(grpc::CallbackServerContext* call,
                                    const v1::ResolveDeadLetterRequest* request,
                                    v1::Execution* response) override {
    if (const auto open = context_->gate->Check(); !open) return Finish(*call, open.error());
    const auto id = ExecutionId::FromText(request->id());
    if (!id) return Finish(*call, id.error());
    auto outcome = ReadOutcome(*request);
    if (!outcome) return Finish(*call, outcome.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    broker_.Resolve(
        *id, *std::move(outcome),
        ReplyTo<engine::ExecutionPtr>(*context_, reactor,
                                      [this, response](const engine::ExecutionPtr& execution) {
                                        ToWire(broker_, *execution, *response);
                                      }));
    return reactor.get();
  }

 private:
  /// `act` does it to a batch, and writes what was done into a message that outlives the call.
  template <typename Response, typename Act>
  grpc::ServerUnaryReactor* Bulk(grpc::CallbackServerContext& call,
                                 const v1::DeadLetterSelection& selection, Response& response,
                                 const std::string& done_word, Act act) {
    if (const auto open = context_->gate->Check(); !open) return Finish(call, open.error());
    const auto settled = std::make_shared<Response>();
    DeadLetterBulk::Plan plan;
    plan.selection = selection;
    plan.done_word = done_word;
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate, [count = plan.count, done_word] {
      return DeadLetterBulk::BrokenOff(Stopping(), *count, done_word);
    });
    plan.act = [act = std::move(act), settled](const std::vector<ExecutionId>& ids,
                                               const DeadLetterBulk::Told& told) {
      act(ids, settled, told);
    };
    plan.may_go_on = [reactor, gate = context_->gate]() -> Result<void> {
      MESG_TRY(gate->Check());
      if (reactor->IsCancelled()) return Cancelled("the caller has cancelled");
      return {};
    };
    plan.done = [reactor, settled, &response](const Result<void>& done) {
      if (!reactor->Claim()) return;
      if (done) response.Swap(settled.get());
      reactor->Finish(done ? grpc::Status::OK : ToStatus(done.error()));
    };
    DeadLetterBulk::Begin(broker_, context_->crew, std::move(plan));
    return reactor.get();
  }

  const ContextPtr context_;
  broker::Broker& broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeDeadLettersService(ContextPtr context) {
  return std::make_unique<DeadLettersService>(std::move(context));
}

}  // namespace mesg::api
