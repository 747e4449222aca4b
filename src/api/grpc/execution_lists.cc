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

Result<broker::ExecutionPage> ListPage(broker::Broker& broker,
                                       const broker::ExecutionQuery& query) {
  auto promise = std::make_shared<std::promise<Result<broker::ExecutionPage>>>();
  auto future = promise->get_future();
  broker.List(query, [promise](Result<broker::ExecutionPage> page) {
    promise->set_value(std::move(page));
  });
  return future.get();
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
  const auto page =
      MESG_TRY(ReadDeadLetters(broker, request.service(), request.task(), request.page()));
  for (const auto& view : page.executions) ToWire(broker, view, *response.add_executions());
  response.set_next_page_token(page.next_token);
  return {};
}

Result<broker::ExecutionPage> ReadDeadLetters(broker::Broker& broker, const std::string& service,
                                              const std::string& task, const v1::Page& page) {
  auto query = MESG_TRY(QueryOf(broker, service, task, page));
  query.dead_letters = true;
  return ListOf(broker, service, query);
}

}  // namespace mesg::api
