#include "nats/tasks.h"

#include <algorithm>
#include <chrono>
#include <climits>

#include "base/clock.h"
#include "connector/input.h"
#include "connector/payload.h"
#include "mesg/json.h"
#include "nats/handles.h"

namespace mesg::services::nats {
namespace {

constexpr std::int64_t kPatienceMs = 10'000;
constexpr std::chrono::minutes kLongest{5};

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != ':';
  });
}

bool IsHeaderText(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 && c != '\t'; });
}

Result<MessageHandle> MessageOf(const Outgoing& outgoing) {
  natsMsg* made = nullptr;
  natsStatus status = natsMsg_Create(
      &made, outgoing.subject.c_str(), outgoing.reply.empty() ? nullptr : outgoing.reply.c_str(),
      outgoing.payload.data(), static_cast<int>(outgoing.payload.size()));
  MessageHandle message(made);
  for (const auto& [name, text] : outgoing.headers) {
    if (status == NATS_OK) status = natsMsgHeader_Add(made, name.c_str(), text.c_str());
  }
  if (status != NATS_OK) return Failed(status, "cannot make the message");
  return message;
}

// What another attempt would meet again.
Error Judged(natsStatus status, std::string_view doing) {
  Error error = Failed(status, doing);
  const bool hopeless = status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT ||
                        status == NATS_INVALID_ARG || status == NATS_NOT_PERMITTED ||
                        status == NATS_NO_SERVER_SUPPORT;
  return hopeless ? sdk::Permanent(std::move(error)) : error;
}

Result<void> TakeHeaders(const Input& headers, Outgoing& outgoing) {
  for (std::size_t i = 0; i < headers.names.size(); ++i) {
    const std::string& name = headers.names[i];
    std::string text = MESG_TRY(headers.items[i].Plain("headers." + name));
    if (!IsHeaderName(name)) return InvalidArgument("headers: \"{}\" is not a header's name", name);
    if (!IsHeaderText(text)) return InvalidArgument("headers.{}: holds a line break", name);
    outgoing.headers.emplace_back(name, std::move(text));
  }
  return {};
}

}  // namespace

Result<Outgoing> ReadOutgoing(std::string_view inputs) {
  const Input input = MESG_TRY(Input::Read(inputs));
  Outgoing outgoing;
  outgoing.subject = input["subject"].text;
  MESG_TRY(CheckSubject("subject", outgoing.subject, /*wildcards=*/false));
  outgoing.reply = input["reply"].text;
  if (!outgoing.reply.empty()) {
    MESG_TRY(CheckSubject("reply", outgoing.reply, /*wildcards=*/false));
  }
  outgoing.payload = MESG_TRY(PayloadOf(input["payload"], input["base64"].IsTrue()));
  MESG_TRY(TakeHeaders(input["headers"], outgoing));
  outgoing.stored = input["stored"].IsTrue();
  if (const Input& timeout = input["timeout"]; !timeout.IsNull()) {
    const auto time = ParseDuration(timeout.text);
    if (!time || *time < std::chrono::milliseconds(1) || *time > kLongest) {
      return InvalidArgument("timeout: expected a duration such as 5s, at most {}, got \"{}\"",
                             FormatDuration(kLongest), timeout.text);
    }
    outgoing.timeout_ms = std::chrono::ceil<std::chrono::milliseconds>(*time).count();
  }
  return outgoing;
}

struct Tasks::Reach {
  ConnectionHandle connection;
  JetStreamHandle context;
};

Tasks::Tasks(const Config& config) : config_(config) {}
Tasks::~Tasks() = default;

Result<std::shared_ptr<Tasks::Reach>> Tasks::Borrow() {
  const std::lock_guard lock(mutex_);
  if (reach_ == nullptr || natsConnection_IsClosed(reach_->connection.get())) {
    auto made = std::make_shared<Reach>();
    made->connection = MESG_TRY(Connect(config_));
    made->context = MESG_TRY(JetStreamOf(made->connection.get()));
    reach_ = std::move(made);
  }
  return reach_;
}

void Tasks::Close() {
  const std::lock_guard lock(mutex_);
  reach_.reset();
}

Result<sdk::Outputs> Tasks::Publish(const sdk::Task& task) {
  const auto outgoing = ReadOutgoing(task.inputs());
  if (!outgoing) return sdk::Permanent(outgoing.error());
  const auto reach = MESG_TRY(Borrow());
  const MessageHandle message = MESG_TRY(MessageOf(*outgoing));
  if (!outgoing->stored) {
    natsStatus status = natsConnection_PublishMsg(reach->connection.get(), message.get());
    // The server has it once it has answered what came behind it.
    if (status == NATS_OK) {
      status = natsConnection_FlushTimeout(reach->connection.get(), kPatienceMs);
    }
    if (status != NATS_OK) return Judged(status, "cannot publish");
    return sdk::Outputs{};
  }
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MsgId = task.execution_id().c_str();
  options.MaxWait = kPatienceMs;
  jsPubAck* answered = nullptr;
  jsErrCode code{};
  const natsStatus status =
      js_PublishMsg(&answered, reach->context.get(), message.get(), &options, &code);
  const std::unique_ptr<jsPubAck, Destroy<jsPubAck_Destroy>> answer(answered);
  if (status == NATS_NO_RESPONDERS) {
    return FailedPrecondition("no JetStream stream takes subject {}", outgoing->subject);
  }
  if (status != NATS_OK) return Judged(status, "the stream did not take it");
  return sdk::Outputs{.json = sdk::JsonObject()
                                  .Add("stream", answer->Stream)
                                  .Add("sequence", answer->Sequence)
                                  .Add("duplicate", answer->Duplicate)
                                  .Take()};
}

Result<sdk::Outputs> Tasks::Request(const sdk::Task& task) {
  const auto outgoing = ReadOutgoing(task.inputs());
  if (!outgoing) return sdk::Permanent(outgoing.error());
  const auto reach = MESG_TRY(Borrow());
  const MessageHandle message = MESG_TRY(MessageOf(*outgoing));
  natsMsg* answered = nullptr;
  const natsStatus status = natsConnection_RequestMsg(&answered, reach->connection.get(),
                                                      message.get(), outgoing->timeout_ms);
  const MessageHandle answer(answered);
  if (status == NATS_NO_RESPONDERS) {
    return Unavailable("nobody listens on {}", outgoing->subject);
  }
  if (status == NATS_TIMEOUT) {
    return sdk::Permanent(DeadlineExceeded(
        "no answer on {} in {}; the request was sent and may have been acted on", outgoing->subject,
        FormatDuration(std::chrono::milliseconds(outgoing->timeout_ms))));
  }
  if (status != NATS_OK) {
    return sdk::Permanent(Failed(status, "no answer came, and the request may have been acted on"));
  }
  sdk::JsonObject outputs;
  AddContent(outputs, answer.get());
  return sdk::Outputs{.json = outputs.Take()};
}

}  // namespace mesg::services::nats
