#include <fmt/format.h>

#include "app/graph/drawing.h"
#include "app/graph/graph.h"

namespace mesg::app {
namespace {

using Shape = Drawing::Shape;

std::string Quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string_view Style(Shape shape) {
  switch (shape) {
    case Shape::kEnd:
      return "shape=box, style=rounded";
    case Shape::kBox:
      return "shape=box";
    case Shape::kChoice:
      return "shape=diamond";
    case Shape::kWait:
      return "shape=hexagon";
    case Shape::kBar:
      return "shape=box, peripheries=2";
  }
  return "";
}

void WriteGroup(const Drawing& drawing, std::size_t group, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const Drawing::Node& node = drawing.nodes[i];
    if (node.group != group) continue;
    std::string text;
    for (const std::string& line : node.lines) text += (text.empty() ? "" : "\\n") + Quoted(line);
    out += fmt::format("{}n{} [{}, label=\"{}\"];\n", indent, i, Style(node.shape), text);
  }
  for (std::size_t i = 0; i < drawing.groups.size(); ++i) {
    if (drawing.groups[i].parent != group) continue;
    out += fmt::format("{}subgraph cluster_{} {{\n{}  label=\"{}\";\n", indent, i, indent,
                       Quoted(drawing.groups[i].label));
    WriteGroup(drawing, i, depth + 1, out);
    out += indent + "}\n";
  }
}

}  // namespace

std::string Dot(const Workflow& workflow) {
  const Drawing drawing = Draw(workflow);
  std::string out = fmt::format("digraph \"{}\" {{\n", Quoted(workflow.key));
  WriteGroup(drawing, Drawing::kNoGroup, 1, out);
  for (const Drawing::Edge& edge : drawing.edges) {
    std::string style = edge.dashed ? "style=dashed" : "";
    if (!edge.label.empty()) {
      style += fmt::format("{}label=\"{}\"", style.empty() ? "" : ", ", Quoted(edge.label));
    }
    out += fmt::format("  n{} -> n{}{};\n", edge.from, edge.to,
                       style.empty() ? "" : " [" + style + "]");
  }
  return out + "}";
}

}  // namespace mesg::app
