#include "runtime/fetch/helper_protocol.h"

#include <optional>

#include <simdjson.h>

#include "base/encoding.h"

namespace mesg::runtime {
namespace {

using simdjson::dom::object;

constexpr std::string_view kTasks[] = {"unpack", "clone", "download"};

Error Malformed(std::string_view line) {
  return InvalidArgument("malformed message: {}", QuoteJson(line.substr(0, 100)));
}

std::optional<std::string> Text(const object& in, std::string_view key) {
  std::string_view text;
  if (in.at_key(key).get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::optional<std::uint64_t> Number(const object& in, std::string_view key) {
  std::uint64_t number = 0;
  if (in.at_key(key).get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

}  // namespace

std::string Encode(const HelperRequest& request) {
  return fmt::format(
      R"({{"do":"{}","from":{},"ref":{},"into":{},"max_bytes":{},"max_archive_bytes":{},)"
      R"("max_files":{},"max_path":{}}})",
      kTasks[static_cast<std::size_t>(request.task)], QuoteJson(request.from),
      QuoteJson(request.ref), QuoteJson(request.into), request.limits.max_bytes,
      request.limits.max_archive_bytes, request.limits.max_files, request.limits.max_path);
}

std::string Encode(const HelperMessage& message) {
  if (const auto* progress = std::get_if<HelperProgress>(&message)) {
    return R"({"progress":)" + QuoteJson(progress->text) + "}";
  }
  if (const auto* done = std::get_if<HelperDone>(&message)) {
    return R"({"done":true,"commit":)" + QuoteJson(done->commit) + "}";
  }
  const Error& error = std::get<Error>(message);
  return fmt::format(R"({{"error":{},"code":{}}})", QuoteJson(error.message),
                     static_cast<int>(error.code));
}

Result<HelperRequest> DecodeHelperRequest(std::string_view line) {
  simdjson::dom::parser parser;
  object root;
  if (parser.parse(simdjson::padded_string(line)).get(root) != simdjson::SUCCESS) {
    return Malformed(line);
  }
  const auto task = Text(root, "do");
  const auto from = Text(root, "from");
  const auto ref = Text(root, "ref");
  const auto into = Text(root, "into");
  const auto bytes = Number(root, "max_bytes");
  const auto archive_bytes = Number(root, "max_archive_bytes");
  const auto files = Number(root, "max_files");
  const auto path = Number(root, "max_path");
  if (!task || !from || !ref || !into || !bytes || !archive_bytes || !files || !path) {
    return Malformed(line);
  }
  for (std::size_t i = 0; i < std::size(kTasks); ++i) {
    if (*task != kTasks[i]) continue;
    return HelperRequest{static_cast<HelperRequest::Task>(i),
                         *from,
                         *ref,
                         *into,
                         {*bytes, *archive_bytes, *files, *path}};
  }
  return Malformed(line);
}

Result<HelperMessage> DecodeHelperMessage(std::string_view line) {
  simdjson::dom::parser parser;
  object root;
  if (parser.parse(simdjson::padded_string(line)).get(root) != simdjson::SUCCESS) {
    return Malformed(line);
  }
  if (auto text = Text(root, "progress")) return HelperMessage(HelperProgress{std::move(*text)});
  if (auto text = Text(root, "error")) {
    const auto code = Number(root, "code");
    constexpr auto kLast = static_cast<std::uint64_t>(Code::kUnauthenticated);
    if (!code || *code < 1 || *code > kLast) return Malformed(line);
    return HelperMessage(Error{static_cast<Code>(*code), std::move(*text)});
  }
  bool done = false;
  auto commit = Text(root, "commit");
  if (root.at_key("done").get(done) == simdjson::SUCCESS && done && commit) {
    return HelperMessage(HelperDone{std::move(*commit)});
  }
  return Malformed(line);
}

}  // namespace mesg::runtime
