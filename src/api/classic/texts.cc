#include "api/classic/texts.h"

#include <algorithm>

#include <grpcpp/server_context.h>

#include "base/encoding.h"
#include "broker/broker.h"

namespace mesg::api::classic {
namespace {

bool IsAny(std::string_view filter) { return filter.empty() || filter == "*"; }

/// Why an execution that has no outputs has none.
std::string ErrorOf(const Execution& execution) {
  if (execution.outcome && !execution.outcome->error.empty()) return execution.outcome->error;
  return fmt::format("the execution is {}", Name(execution.state));
}

}  // namespace

Result<void> CheckTexts(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, text] : fields) {
    if (IsUtf8(text)) continue;
    Error error = InvalidArgument("{} is not UTF-8", name).Because("INVALID_UTF8");
    error.violations.push_back({std::string(name), "expected UTF-8"});
    return error;
  }
  return {};
}

Result<void> CheckPayload(std::string_view what, std::string_view payload) {
  if (payload.size() <= kPayloadBytes) return {};
  return InvalidArgument("{} have {} bytes, the limit of this API is {}", what, payload.size(),
                         kPayloadBytes)
      .Because("PAYLOAD_TOO_LARGE");
}

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

Result<broker::Filter> FilterOf(const broker::Broker& broker,
                                const wire::ListenEventRequest& request) {
  MESG_TRY(
      CheckTexts({{"serviceID", request.serviceid()}, {"eventFilter", request.eventfilter()}}));
  MESG_TRY(broker.Deployed()->Find(request.serviceid()));
  return broker.MakeFilter(/*results=*/false, request.serviceid(), request.eventfilter(), "", {},
                           {});
}

Result<broker::Filter> FilterOf(const broker::Broker& broker,
                                const wire::ListenResultRequest& request) {
  MESG_TRY(CheckTexts({{"serviceID", request.serviceid()},
                       {"taskFilter", request.taskfilter()},
                       {"outputFilter", request.outputfilter()}}));
  for (const std::string& tag : request.tagfilters()) MESG_TRY(CheckTexts({{"tagFilters", tag}}));
  const broker::InstancePtr instance = MESG_TRY(broker.Deployed()->Find(request.serviceid()));
  const std::string& output = request.outputfilter();
  if (IsAny(request.taskfilter()) && !IsAny(output)) {
    const auto& tasks = instance->Definition().Tasks();
    const bool known = std::ranges::any_of(
        tasks, [&](const TaskDefinition& task) { return task.FindOutput(output) != nullptr; });
    if (!known) {
      return NotFound("Output \"{}\" of any task not found in service \"{}\"", output,
                      instance->Name())
          .Because("OUTPUT_NOT_FOUND");
    }
  }
  return broker.MakeFilter(/*results=*/true, request.serviceid(), request.taskfilter(), output,
                           Texts(request.tagfilters()), {});
}

wire::EventData EventMessage(const broker::Item& item) {
  wire::EventData message;
  message.set_eventkey(item.entry.key);
  message.set_eventdata(item.entry.data.empty() ? "{}" : item.entry.data);
  return message;
}

wire::ResultData ResultMessage(const broker::Item& item) {
  const Execution& execution = *item.result;
  wire::ResultData message;
  message.set_executionid(execution.id.Text());
  message.set_taskkey(execution.task);
  for (const std::string& tag : execution.tags) message.add_executiontags(tag);
  if (execution.state == ExecutionState::kCompleted && execution.outcome) {
    const std::string& outputs = execution.outcome->outputs;
    message.set_outputkey(execution.outcome->output_key);
    message.set_outputdata(outputs.empty() ? "{}" : outputs);
  } else {
    // Clients parse what comes, so that it must not be empty.
    message.set_outputdata("null");
    message.set_error(ErrorOf(execution));
  }
  return message;
}

std::string WorkerName(const grpc::ServerContextBase& context) {
  return "classic " + context.peer();
}

}  // namespace mesg::api::classic
