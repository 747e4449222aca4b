#include <fmt/format.h>

#include "app/graph/drawing.h"
#include "app/graph/graph.h"

namespace mesg::app {
namespace {

using Shape = Drawing::Shape;

/// A text inside quotes: what means something to Mermaid or to HTML becomes an entity.
std::string Quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "#quot;";
        break;
      case '<':
        out += "#lt;";
        break;
      case '>':
        out += "#gt;";
        break;
      case '&':
        out += "#amp;";
        break;
      case '#':
        out += "#35;";
        break;
      case '`':
        out += "#96;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Box(const Drawing::Node& node) {
  std::string text;
  for (const std::string& line : node.lines) {
    text += (text.empty() ? "" : "<br/>") + Quoted(line);
  }
  switch (node.shape) {
    case Shape::kEnd:
      return fmt::format("([\"{}\"])", text);
    case Shape::kBox:
      return fmt::format("[\"{}\"]", text);
    case Shape::kChoice:
      return fmt::format("{{\"{}\"}}", text);
    case Shape::kWait:
      return fmt::format("{{{{\"{}\"}}}}", text);
    case Shape::kBar:
      return fmt::format("[[\"{}\"]]", text);
  }
  return "";
}

/// The nodes of a group and the groups inside it.
void WriteGroup(const Drawing& drawing, std::size_t group, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    if (drawing.nodes[i].group != group) continue;
    out += fmt::format("\n{}n{}{}", indent, i, Box(drawing.nodes[i]));
  }
  for (std::size_t i = 0; i < drawing.groups.size(); ++i) {
    if (drawing.groups[i].parent != group) continue;
    out += fmt::format("\n{}subgraph g{}[\"{}\"]", indent, i, Quoted(drawing.groups[i].label));
    WriteGroup(drawing, i, depth + 1, out);
    out += "\n" + indent + "end";
  }
}

}  // namespace

std::string Mermaid(const Workflow& workflow) {
  const Drawing drawing = Draw(workflow);
  std::string out = "flowchart TD";
  WriteGroup(drawing, Drawing::kNoGroup, 1, out);
  for (const Drawing::Edge& edge : drawing.edges) {
    out += fmt::format("\n  n{} {}{} n{}", edge.from, edge.dashed ? "-.->" : "-->",
                       edge.label.empty() ? "" : "|\"" + Quoted(edge.label) + "\"|", edge.to);
  }
  return out;
}

}  // namespace mesg::app
