#include "api/grpc/execution_lists.h"

#include <functional>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "api/grpc/translate.h"
#include "base/encoding.h"

namespace mesg::api {
namespace {

constexpr std::size_t kDefaultPage = 100;
constexpr int kMostIds = 10'000;

/// Waits for the answer of an asynchronous call.
template <typename T>
Result<T> Await(const std::function<void(std::function<void(Result<T>)>)>& ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

Result<broker::ExecutionPage> ListPage(broker::Broker& broker,
                                       const broker::ExecutionQuery& query) {
  return Await<broker::ExecutionPage>([&](auto reply) { broker.List(query, reply); });
}

/// The executions of a deployed service, or of one that is gone: by its name, or by a hash, of
/// which nobody knows before they are read whether there are any.
Result<void> SelectService(const broker::Broker& broker, const std::string& service,
                           broker::ExecutionQuery& query) {
  if (service.empty() || service == "*") return {};
  const auto deployed = broker.Deployed()->Find(service);
  if (deployed) {
    query.name = (*deployed)->Name();
    return {};
  }
  if (deployed.error().code != Code::kNotFound) return deployed.error();
  constexpr std::size_t kHashBytes = 32;
  const auto hash = FromBase58(service);
  if (hash && hash->size() == kHashBytes) {
    query.hash = service;
  } else {
    query.name = service;
  }
  return {};
}

/// A page for somebody who named `service`; NotFound where nothing of it is kept.
Result<broker::ExecutionPage> ListOf(broker::Broker& broker, const std::string& service,
                                     const broker::ExecutionQuery& query) {
  auto page = MESG_TRY(ListPage(broker, query));
  const bool nothing = page.executions.empty() && page.next_token.empty() && query.token.empty();
  if (!nothing || (query.name.empty() && query.hash.empty())) return page;
  const auto deployed = broker.Deployed()->Find(service);
  if (deployed) return page;
  // Perhaps it is only what else was asked for that fits none.
  broker::ExecutionQuery any;
  any.name = query.name;
  any.hash = query.hash;
  any.limit = 1;
  for (const bool dead_letters : {false, true}) {
    any.dead_letters = dead_letters;
    const auto found = MESG_TRY(ListPage(broker, any));
    if (!found.executions.empty() || !found.next_token.empty()) return page;
  }
  Error unknown = deployed.error();
  unknown.message = fmt::format("no executions of \"{}\" are kept. {}", service, unknown.message);
  return unknown;
}

Result<broker::ExecutionQuery> QueryOf(const broker::Broker& broker, const std::string& service,
                                       const std::string& task, const v1::Page& page) {
  broker::ExecutionQuery query;
  MESG_TRY(SelectService(broker, service, query));
  query.task = task;
  query.limit = page.size() == 0 ? kDefaultPage : page.size();
  query.token = page.token();
  return query;
}

/// Does `act` to every selected dead letter. The first refusal is the error, after the others had
/// their turn; for a selection by service and task, one that is gone meanwhile is left out.
Result<void> ForEach(broker::Broker& broker, const v1::DeadLetterSelection& selection,
                     std::string_view done_word,
                     const std::function<Result<void>(const ExecutionId&)>& act) {
  if (selection.ids().empty() == !selection.all()) {
    return Error{Code::kInvalidArgument,
                 "select dead letters by `ids`, or `all` of a service and task",
                 "INVALID_SELECTION",
                 {{"ids", "expected either `ids` or `all`"}}};
  }
  if (selection.ids_size() > kMostIds) {
    return InvalidArgument("{} ids were given, the limit is {}", selection.ids_size(), kMostIds);
  }
  if (!selection.all()) {
    std::vector<ExecutionId> ids;
    for (const std::string& text : selection.ids()) {
      ids.push_back(MESG_TRY(ExecutionId::FromText(text)));
    }
    std::optional<Error> refused;
    std::size_t done = 0;
    for (const ExecutionId& id : ids) {
      auto result = act(id);
      if (result) {
        ++done;
      } else if (!refused) {
        refused = std::move(result).error();
      }
    }
    if (!refused) return {};
    if (done > 0) refused->message += fmt::format(" ({} others were {})", done, done_word);
    return *std::move(refused);
  }
  auto query = MESG_TRY(QueryOf(broker, selection.service(), selection.task(), {}));
  query.dead_letters = true;
  query.limit = broker.GetSettings().limits.list_page;
  do {
    const auto page = MESG_TRY(ListOf(broker, selection.service(), query));
    for (const broker::ExecutionView& view : page.executions) {
      if (auto result = act(view.execution->id); !result) {
        const Code code = result.error().code;
        if (code != Code::kNotFound && code != Code::kFailedPrecondition) return result;
      }
    }
    query.token = page.next_token;
  } while (!query.token.empty());
  return {};
}

}  // namespace

Result<void> ListExecutions(broker::Broker& broker, const v1::ListExecutionsRequest& request,
                            v1::ListExecutionsResponse& response) {
  auto query = MESG_TRY(QueryOf(broker, request.service(), request.task(), request.page()));
  for (const int state : request.states()) {
    query.states.push_back(MESG_TRY(FromWire(static_cast<v1::ExecutionState>(state))));
  }
  query.tags = {request.tags().begin(), request.tags().end()};
  query.after = MESG_TRY(TimeFromWire(request.after_us(), "after_us"));
  query.before = MESG_TRY(TimeFromWire(request.before_us(), "before_us"));
  const auto page = MESG_TRY(ListOf(broker, request.service(), query));
  for (const auto& view : page.executions) ToWire(broker, view, *response.add_executions());
  response.set_next_page_token(page.next_token);
  return {};
}

Result<void> ListDeadLetters(broker::Broker& broker, const v1::ListDeadLettersRequest& request,
                             v1::ListDeadLettersResponse& response) {
  auto query = MESG_TRY(QueryOf(broker, request.service(), request.task(), request.page()));
  query.dead_letters = true;
  const auto page = MESG_TRY(ListOf(broker, request.service(), query));
  for (const auto& view : page.executions) ToWire(broker, view, *response.add_executions());
  response.set_next_page_token(page.next_token);
  return {};
}

Result<void> RetryDeadLetters(broker::Broker& broker, const v1::DeadLetterSelection& selection,
                              v1::RetryDeadLettersResponse& response) {
  return ForEach(broker, selection, "retried", [&](const ExecutionId& id) -> Result<void> {
    const auto created = MESG_TRY(
        Await<engine::Created>([&](auto reply) { broker.RetryDeadLetter(id, std::move(reply)); }));
    auto& retried = *response.add_retried();
    retried.set_id(id.Text());
    retried.set_new_id(created.id.Text());
    return {};
  });
}

Result<void> DropDeadLetters(broker::Broker& broker, const v1::DeadLetterSelection& selection,
                             v1::DropDeadLettersResponse& response) {
  return ForEach(broker, selection, "dropped", [&](const ExecutionId& id) -> Result<void> {
    MESG_TRY(Await<void>([&](auto reply) { broker.DropDeadLetter(id, std::move(reply)); }));
    response.add_ids(id.Text());
    return {};
  });
}

}  // namespace mesg::api
