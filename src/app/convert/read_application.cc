#include "app/convert/read_application.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "app/convert/process_reader.h"
#include "app/convert/workflow_reader.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

constexpr const char* kReason = "INVALID_APPLICATION";

constexpr const char* kFormats =
    "an application has name, services and workflows, a process file has name and steps, a "
    "workflow file of 2018 has title, source and tasks";

// What only one of the formats has at its top.
constexpr std::pair<std::string_view, ApplicationFormat> kTelling[] = {
    {"workflows", ApplicationFormat::kApplication}, {"services", ApplicationFormat::kApplication},
    {"events", ApplicationFormat::kApplication},    {"steps", ApplicationFormat::kProcess},
    {"title", ApplicationFormat::kWorkflow},        {"source", ApplicationFormat::kWorkflow},
    {"tasks", ApplicationFormat::kWorkflow},
};

// Of a key that is nearly one that would tell.
std::optional<Violation> Misspelt(const YamlNode::Member& member) {
  // Those of an application that tell nothing are no misspelling either.
  std::vector<std::string_view> keys = {"name", "description", "inputs"};
  for (const auto& [key, format] : kTelling) keys.push_back(key);
  const std::string_view near = Nearest(member.key, keys);
  const bool tells =
      std::ranges::find(kTelling, near, &std::pair<std::string_view, ApplicationFormat>::first) !=
      std::end(kTelling);
  if (!tells) {
    return std::nullopt;
  }
  return Violation{
      member.key, fmt::format("cannot tell what this file is, did you mean {}? {}", near, kFormats),
      member.line, member.column};
}

std::optional<ApplicationFormat> TellFormat(const YamlNode& root, Violation& unclear) {
  std::optional<ApplicationFormat> format;
  unclear = {"", fmt::format("cannot tell what this file is: {}", kFormats), std::max(root.line, 1),
             std::max(root.column, 1)};
  std::optional<Violation> misspelt;
  std::string_view first;
  for (const YamlNode::Member& member : root.members) {
    const auto* const telling = std::ranges::find(
        kTelling, member.key, &std::pair<std::string_view, ApplicationFormat>::first);
    if (telling == std::end(kTelling)) {
      if (!misspelt) misspelt = Misspelt(member);
      continue;
    }
    if (format && *format != telling->second) {
      unclear = {
          member.key,
          fmt::format("cannot tell what this file is, it has {} already: {}", first, kFormats),
          member.line, member.column};
      return std::nullopt;
    }
    format = telling->second;
    if (first.empty()) first = member.key;
  }
  if (misspelt) unclear = *std::move(misspelt);
  return format;
}

std::map<std::string, std::map<std::string, std::string>> EnvTexts(const YamlNode& root) {
  std::map<std::string, std::map<std::string, std::string>> texts;
  const YamlNode* const services = root.Find("services");
  if (services == nullptr) return texts;
  for (const YamlNode::Member& service : services->members) {
    const YamlNode* const env = service.value->Find("env");
    if (env == nullptr) continue;
    for (const YamlNode::Member& variable : env->members) {
      texts[service.key][variable.key] = variable.value->text;
    }
  }
  return texts;
}

template <typename Reader>
Result<ReadApplication> Convert(YamlDocument document, std::string_view file_name) {
  Reader reader(std::move(document.violations));
  reader.Read(*document.root);
  if (!reader.Violations().empty()) {
    return RefuseFile(file_name, reader.Violations(), reader.NotListed(), kReason);
  }
  return std::move(reader).Take(file_name);
}

}  // namespace

std::string_view Name(ApplicationFormat format) {
  switch (format) {
    case ApplicationFormat::kApplication:
      return "application";
    case ApplicationFormat::kProcess:
      return "process";
    case ApplicationFormat::kWorkflow:
      return "workflow";
  }
  return "unknown";
}

std::optional<ApplicationFormat> FormatOf(std::string_view yaml) {
  const auto document = YamlDocument::Read(yaml);
  Violation unclear;
  return document ? TellFormat(*document->root, unclear) : std::nullopt;
}

Result<ReadApplication> ReadAnyApplication(std::string_view yaml, std::string_view file_name) {
  auto document = YamlDocument::Read(yaml);
  if (!document) return RefuseFile(file_name, std::move(document).error().violations, 0, kReason);
  Violation unclear;
  const auto format = TellFormat(*document->root, unclear);
  if (!format) {
    document->violations.push_back(std::move(unclear));
    return RefuseFile(file_name, std::move(document->violations), 0, kReason);
  }
  switch (*format) {
    case ApplicationFormat::kProcess:
      return Convert<ProcessReader>(*std::move(document), file_name);
    case ApplicationFormat::kWorkflow:
      return Convert<WorkflowReader>(*std::move(document), file_name);
    case ApplicationFormat::kApplication:
      break;
  }
  ReadApplication read;
  read.file = MESG_TRY(ApplicationFile::Parse(yaml, file_name));
  read.env_texts = EnvTexts(*document->root);
  return read;
}

}  // namespace mesg::app
