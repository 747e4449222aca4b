#include "api/classic/log_stream.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/classic/out_stream.h"
#include "api/classic/texts.h"
#include "broker/broker.h"
#include "runtime/services/service_manager.h"

namespace mesg::api::classic {
namespace {

/// The one process that Core runs of a service, in the words of 2018.
constexpr std::string_view kMain = "service";
/// What one message holds before the next is begun.
constexpr std::size_t kChunkBytes = 64 << 10;
/// A log is not written more slowly for the sake of a reader: one that is further behind is let go.
constexpr std::size_t kBehindBytes = 64 << 20;

wire::LogData::Type TypeOf(runtime::LogStream stream) {
  return stream == runtime::LogStream::kErr ? wire::LogData::Error : wire::LogData::Standard;
}

class LogStream final : public OutStream<wire::LogData> {
 public:
  using OutStream::OutStream;

  void Follow(const std::shared_ptr<LogStream>& self, runtime::ServiceManager& services,
              const std::string& service) {
    auto followed = services.FollowLog(
        service, 0,
        [weak = std::weak_ptr<LogStream>(self)](const std::vector<runtime::LogLine>& lines) {
          if (const auto stream = weak.lock()) stream->Append(lines);
        });
    if (!followed) {
      End(ToStatus(followed.error()));
      return;
    }
    // gRPC has not got the stream yet, so that it cannot be over.
    subscription_ = *std::move(followed);
    Open();
  }

 private:
  void Append(const std::vector<runtime::LogLine>& lines) {
    if (QueuedBytes() > kBehindBytes) {
      End(ToStatus(ResourceExhausted("the reader of the log is {} bytes behind; read it again",
                                     kBehindBytes)));
      return;
    }
    wire::LogData message;
    for (const runtime::LogLine& line : lines) {
      const auto type = TypeOf(line.stream);
      if (!message.data().empty() &&
          (message.type() != type || message.data().size() > kChunkBytes)) {
        Send(std::exchange(message, wire::LogData()));
      }
      message.set_dependency(std::string(kMain));
      message.set_type(type);
      message.mutable_data()->append(line.text);
      if (!line.continued) message.mutable_data()->push_back('\n');
    }
    if (!message.data().empty()) Send(std::move(message));
  }
  void Over() override { subscription_.reset(); }

  std::unique_ptr<runtime::LogSubscription> subscription_;
};

Result<void> Check(const Core& core, const wire::ServiceLogsRequest& request) {
  if (core.gate) MESG_TRY(core.gate->Check());
  MESG_TRY(CheckTexts({{"serviceID", request.serviceid()}}));
  const auto instance = MESG_TRY(core.broker->Deployed()->Find(request.serviceid()));
  bool main = request.dependencies().empty();
  for (const std::string& wanted : request.dependencies()) {
    MESG_TRY(CheckTexts({{"dependencies", wanted}}));
    main = main || wanted == kMain;
    const auto& known = instance->Definition().Dependencies();
    if (wanted == kMain || std::ranges::any_of(known, [&](const auto& dependency) {
          return dependency.key == wanted;
        })) {
      continue;
    }
    return NotFound("Dependency \"{}\" not found in service \"{}\"", wanted, instance->Name());
  }
  if (!main) {
    return FailedPrecondition(
        "Core keeps no log of dependencies, only of \"{}\", which was not asked for", kMain);
  }
  return {};
}

}  // namespace

grpc::ServerWriteReactor<wire::LogData>* FollowLogs(grpc::CallbackServerContext& context,
                                                    const Core& core,
                                                    const wire::ServiceLogsRequest& request) {
  auto stream = std::make_shared<LogStream>(context, core);
  auto* reactor = stream->Begin(stream);
  if (const auto checked = Check(core, request); checked) {
    stream->Follow(stream, *core.services, request.serviceid());
  } else {
    stream->End(ToStatus(checked.error()));
  }
  return reactor;
}

}  // namespace mesg::api::classic
