#include "api/grpc/application_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "base/encoding.h"
#include "model/yaml_document.h"

namespace mesg::api {
namespace {

/// The same text for the same meaning, without comments and layout.
void Append(const YamlNode& node, std::string& into) {
  into += fmt::format("{}:{}:{}", static_cast<int>(node.kind), node.text.size(), node.text);
  for (const auto& item : node.items) Append(*item, into);
  for (const YamlNode::Member& member : node.members) {
    into += fmt::format("{}={}", member.key.size(), member.key);
    Append(*member.value, into);
  }
}

/// What of a file is a list of things with names, and what one of these is called.
struct Named {
  std::string_view key;
  std::string_view one;
};
constexpr Named kNamed[] = {
    {"inputs", "declaration of input"},
    {"services", "declaration of service"},
    {"events", "event"},
    {"workflows", "workflow"},
};

/// The parts of a file that are told apart: each thing with a name, and every other key by itself.
std::map<std::string, std::string> PartsOf(const std::string& text) {
  std::map<std::string, std::string> parts;
  const auto document = YamlDocument::Read(text);
  if (!document || document->root == nullptr) return parts;
  for (const YamlNode::Member& member : document->root->members) {
    const auto* const named = std::ranges::find(kNamed, member.key, &Named::key);
    if (named == std::end(kNamed)) {
      Append(*member.value, parts[member.key]);
      continue;
    }
    for (const YamlNode::Member& one : member.value->members) {
      Append(*one.value, parts[fmt::format("{} {}", named->one, one.key)]);
    }
  }
  return parts;
}

using Pairs = std::map<std::string, std::string>;

template <typename Say>
void Compare(const Pairs& before, const Pairs& after, Say&& say) {
  for (const auto& [key, value] : after) {
    const auto old = before.find(key);
    if (old == before.end()) {
      say(key, "new", nullptr, &value);
    } else if (old->second != value) {
      say(key, "changed", &old->second, &value);
    }
  }
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) say(key, "gone", &value, nullptr);
  }
}

}  // namespace

std::vector<std::string> ChangesOf(const engine::Application* before,
                                   const engine::Application& after) {
  std::vector<std::string> changes;
  if (before == nullptr) {
    changes.push_back(fmt::format("application {} is new", after.name));
    for (const auto& [part, text] : PartsOf(after.text)) {
      if (part.starts_with("workflow ")) changes.push_back(part + " is new");
    }
    return changes;
  }
  Compare(PartsOf(before->text), PartsOf(after.text),
          [&](const std::string& part, std::string_view how, const std::string*,
              const std::string*) { changes.push_back(fmt::format("{} is {}", part, how)); });
  constexpr std::size_t kShown = 60;
  const auto values = [&](std::string_view what, bool shown) {
    return [&changes, what, shown](const std::string& key, std::string_view how,
                                   const std::string* old, const std::string* now) {
      std::string line = fmt::format("{} {} is {}", what, key, how);
      if (shown && old != nullptr && now != nullptr) {
        line += fmt::format(": {} -> {}", Shortened(*old, kShown), Shortened(*now, kShown));
      }
      changes.push_back(std::move(line));
    };
  };
  Compare(before->inputs, after.inputs, values("input", true));
  Compare(before->services, after.services, values("service", true));
  // A variable may hold what is nobody's business.
  Compare(before->env, after.env, values("variable", false));
  return changes;
}

}  // namespace mesg::api
