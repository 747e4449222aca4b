#include "model/yaml_document.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/encoding.h"
#include "model/json_schema.h"

namespace mesg {
namespace {

constexpr std::size_t kMaxFileSize = 1 << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxExpansion = 100'000;
constexpr std::size_t kMaxViolations = 100;  // As many as are shown.
constexpr std::size_t kTextUnit = 16;        // So many bytes of text weigh as much as a value.

/// What yaml-cpp says, in words for somebody who wrote a file: what is wrong there, what to do.
std::string Explain(const std::string& message) {
  namespace Says = YAML::ErrorMsg;
  static const std::vector<std::pair<std::string_view, std::string_view>> words = {
      {Says::END_OF_MAP_FLOW, "a { before this is not closed: a comma or a } is missing"},
      {Says::END_OF_SEQ_FLOW, "a [ before this is not closed: a comma or a ] is missing"},
      {Says::FLOW_END, "a } or ] closes something else than what was opened last"},
      {Says::END_OF_MAP, "expected a key that begins in the column of the keys before it"},
      {Says::END_OF_SEQ, "expected a \"-\" in the column of those before it"},
      {Says::BLOCK_ENTRY, "a list cannot begin here: put its \"-\" on a line of its own"},
      {Says::MAP_KEY, "a key cannot begin here: put it on a line of its own"},
      {Says::MAP_VALUE,
       "a value cannot begin here: a text that holds \": \" needs quotes, and lines are indented "
       "by "
       "spaces, not by tabs"},
      {Says::TAB_IN_INDENTATION, "lines are indented by spaces, here is a tab"},
      {Says::UNKNOWN_ANCHOR,
       "no anchor (&) of this name stands before this; a text that begins with * needs quotes"},
      {Says::EOF_IN_SCALAR, "the file ends inside a text: its closing quote is missing"},
      {Says::UNKNOWN_TOKEN, "a text that begins like this needs quotes"},
  };
  const auto found = std::ranges::find(words, std::string_view(message),
                                       &std::pair<std::string_view, std::string_view>::first);
  return "malformed YAML: " + (found == words.end() ? message : std::string(found->second));
}

/// What yaml-cpp cannot refuse itself; travels through it to Read.
struct Refusal {
  YAML::Mark mark;
  std::string reason;
};

Error Unreadable(int line, int column, std::string reason) {
  return Error{.code = Code::kInvalidArgument,
               .message = reason,
               .reason = "INVALID_YAML",
               .violations = {{"", std::move(reason), line, column}}};
}

/// Builds the tree from the parser's events.
class Builder final : public YAML::EventHandler {
 public:
  YamlNodePtr root;
  std::vector<Violation> violations;
  std::optional<YAML::Mark> second_document;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) second_document = mark;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Leaf(NewNode(YamlNode::Kind::kNull, mark), mark, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = NewNode(YamlNode::Kind::kScalar, mark);
    node->text = value;
    node->size += value.size() / kTextUnit;
    node->quoted = tag != "?" && !tag.empty();
    if (!node->quoted && (value == "~" || value == "null" || value == "Null" || value == "NULL")) {
      node->kind = YamlNode::Kind::kNull;
    }
    Leaf(std::move(node), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{mark, "the alias stands inside what it names"};
    Expand(found->second->size, mark);
    Add(found->second, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override {
    Merge();
    Close();
  }

 private:
  /// A list or map that is not closed yet.
  struct Frame {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    bool has_key = false;
    bool skip = false;  ///< The value that comes has a key that is there already.
    bool merge = false;
    std::string key = {};
    YAML::Mark key_mark = {};
    std::unordered_set<std::string> keys = {};
    std::vector<YamlNodePtr> merged = {};
  };

  static std::shared_ptr<YamlNode> NewNode(YamlNode::Kind kind, const YAML::Mark& mark) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    return node;
  }

  void Expand(std::size_t count, const YAML::Mark& mark) {
    expanded_ += count;
    if (expanded_ > kMaxExpansion) {
      throw Refusal{
          mark, fmt::format("aliases and merge keys expand to more than {} values", kMaxExpansion)};
    }
  }

  void Leaf(std::shared_ptr<YamlNode> node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    Add(std::move(node), mark);
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxDepth) {
      throw Refusal{mark, fmt::format("nested deeper than {} levels", kMaxDepth)};
    }
    if (!open_.empty() && open_.back().node->kind == YamlNode::Kind::kMap &&
        !open_.back().has_key) {
      throw Refusal{mark, "expected a key, got a list or a mapping"};
    }
    open_.push_back({NewNode(kind, mark), anchor, mark});
  }

  void Close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (frame.anchor != 0) anchors_[frame.anchor] = frame.node;
    Add(std::move(frame.node), frame.mark);
  }

  void Add(YamlNodePtr node, const YAML::Mark& mark) {
    if (open_.empty()) {
      if (root == nullptr) root = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node->kind == YamlNode::Kind::kList) {
      frame.node->size += node->size;
      frame.node->items.push_back(std::move(node));
    } else if (!frame.has_key) {
      Key(frame, *node, mark);
    } else {
      Value(frame, std::move(node));
    }
  }

  void Key(Frame& frame, const YamlNode& node, const YAML::Mark& mark) {
    if (node.kind != YamlNode::Kind::kScalar && node.kind != YamlNode::Kind::kNull) {
      throw Refusal{mark, "expected a key, got a list or a mapping"};
    }
    frame.has_key = true;
    frame.key = node.text;
    frame.key_mark = mark;
    frame.merge = frame.key == "<<" && !node.quoted;
    frame.skip = !frame.keys.insert(frame.key).second;
    if (!frame.skip || violations.size() >= kMaxViolations) return;
    std::string reason = "the key is there twice";
    for (const YamlNode::Member& member : frame.node->members) {
      if (member.key == frame.key) reason += fmt::format(", first in line {}", member.line);
    }
    violations.push_back({Path(), std::move(reason), mark.line + 1, mark.column + 1});
  }

  void Value(Frame& frame, YamlNodePtr node) {
    frame.has_key = false;
    if (frame.skip) return;
    if (frame.merge) {
      CollectMerged(frame, node);
      return;
    }
    frame.node->size += node->size + frame.key.size() / kTextUnit;
    frame.node->members.push_back({std::move(frame.key), frame.key_mark.line + 1,
                                   frame.key_mark.column + 1, std::move(node)});
  }

  static void CollectMerged(Frame& frame, const YamlNodePtr& node) {
    const auto is_map = [](const YamlNodePtr& n) { return n->kind == YamlNode::Kind::kMap; };
    if (is_map(node)) {
      frame.merged.push_back(node);
    } else if (node->kind == YamlNode::Kind::kList && std::ranges::all_of(node->items, is_map)) {
      frame.merged.insert(frame.merged.end(), node->items.begin(), node->items.end());
    } else {
      throw Refusal{frame.key_mark,
                    "<< merges a mapping or a list of mappings, got something else"};
    }
  }

  /// Adds what `<<` brings: explicit keys win, then earlier mappings.
  void Merge() {
    Frame& frame = open_.back();
    for (const YamlNodePtr& from : frame.merged) {
      for (const YamlNode::Member& member : from->members) {
        const std::size_t size = member.value->size + member.key.size() / kTextUnit;
        Expand(size, frame.key_mark);
        if (!frame.keys.insert(member.key).second) continue;
        frame.node->size += size;
        frame.node->members.push_back(member);
      }
    }
  }

  std::string Path() const {
    std::string path;
    for (const Frame& frame : open_) {
      path += frame.node->kind == YamlNode::Kind::kMap
                  ? PathStep(frame.key)
                  : fmt::format("[{}]", frame.node->items.size());
    }
    if (path.starts_with('.')) path.erase(0, 1);
    return path;
  }

  std::vector<Frame> open_;
  std::unordered_map<YAML::anchor_t, YamlNodePtr> anchors_;
  std::size_t expanded_ = 0;
  int documents_ = 0;
};

/// The position of the first byte that has no place in a text file, if there is one.
std::optional<std::pair<int, int>> FindControlCharacter(std::string_view text) {
  int line = 1;
  int column = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
      return std::pair(line, column);
    }
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return std::nullopt;
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : found->value.get();
}

Result<YamlDocument> YamlDocument::Read(std::string_view text) {
  if (text.size() > kMaxFileSize) {
    return Unreadable(
        0, 0,
        fmt::format("the file has {} bytes, at most {} are allowed", text.size(), kMaxFileSize));
  }
  if (!IsUtf8(text)) return Unreadable(0, 0, "the file is not UTF-8");
  if (const auto position = FindControlCharacter(text)) {
    return Unreadable(position->first, position->second,
                      "a control character has no place in YAML");
  }
  try {  // yaml-cpp throws, and so does Builder through it; this is where that stops.
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    while (!builder.second_document && parser.HandleNextDocument(builder)) {
    }
    if (const auto second = builder.second_document) {
      return Unreadable(second->line + 1, second->column + 1,
                        "a second document begins here, one is expected");
    }
    if (builder.root == nullptr) builder.root = std::make_shared<YamlNode>();
    return YamlDocument{std::move(builder.root), std::move(builder.violations)};
  } catch (const Refusal& refusal) {
    return Unreadable(refusal.mark.line + 1, refusal.mark.column + 1, refusal.reason);
  } catch (const YAML::Exception& e) {
    return Unreadable(e.mark.line + 1, e.mark.column + 1, Explain(e.msg));
  } catch (const std::exception& e) {
    return Unreadable(0, 0, fmt::format("malformed YAML: {}", e.what()));
  }
}

}  // namespace mesg
